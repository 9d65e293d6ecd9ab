# The guest programs: static i386 executables in GUEST_FOLDER, plain i686 code (no SSE: CPUID announces none).
set(GUEST_FOLDER ${CMAKE_CURRENT_BINARY_DIR}/guests)
file(MAKE_DIRECTORY ${GUEST_FOLDER})
# Debian keeps <asm/...> of the 32-bit side in the 64-bit one's folder. The programs do what compilers warn of.
set(guest_flags
    -m32 -static -std=gnu11 -D_GNU_SOURCE -march=i686 -mfpmath=387 -fno-pie -no-pie -fno-stack-protector
    -isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -Wall -Wextra -Werror -Wno-int-to-pointer-cast
    -Wno-pointer-to-int-cast -Wno-stringop-truncation -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
    -Wno-infinite-recursion)
set(guest_programs "")

# guest_program(name SOURCES ... FLAGS ...)
function(guest_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;FLAGS;DEPENDS" ${ARGN})
  add_custom_command(
    OUTPUT ${GUEST_FOLDER}/${name}
    COMMAND ${CMAKE_C_COMPILER} ${guest_flags} ${ARG_FLAGS} ${ARG_SOURCES} -o ${GUEST_FOLDER}/${name} -lpthread -lm
    DEPENDS ${ARG_SOURCES} ${ARG_DEPENDS}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    VERBATIM)
  set(guest_programs ${guest_programs} ${GUEST_FOLDER}/${name} PARENT_SCOPE)
endfunction()

foreach(name arithmetic division strings formats sorting heap control layout frames signals endings unsupported digest x87 startup
             threads mapped clock)
  guest_program(${name} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/guests/${name}.c FLAGS -O2 DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/guests/guest.h)
endforeach()
foreach(name faults traps modified repeated instructions intruder)
  guest_program(${name} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/guests/${name}.c ${CMAKE_CURRENT_SOURCE_DIR}/guests/probe.c FLAGS -O1
                DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/guests/guest.h ${CMAKE_CURRENT_SOURCE_DIR}/guests/probe.h)
endforeach()
# The personality's own guests, which tests/sim/linux runs on it without a simulated core.
foreach(name files memory processes signals)
  guest_program(system_${name} SOURCES ${PROJECT_SOURCE_DIR}/tests/sim/linux/guests/${name}.c
                FLAGS -O1 -w -D_FILE_OFFSET_BITS=64)
endforeach()
add_custom_target(guest_programs ALL DEPENDS ${guest_programs})
