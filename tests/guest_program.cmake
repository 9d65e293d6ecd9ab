# Programs for the simulated guest: static i386 executables, plain i686 code (no SSE: CPUID announces none).
# Debian keeps <asm/...> of the 32-bit side in the 64-bit one's folder. The programs do what compilers warn of.
set(GUEST_FLAGS
    -m32 -static -std=gnu11 -D_GNU_SOURCE -march=i686 -mno-sse -mfpmath=387 -fno-pie -no-pie -fno-stack-protector
    -I ${PROJECT_SOURCE_DIR} -isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
    -Wall -Wextra -Werror -Wno-int-to-pointer-cast -Wno-pointer-to-int-cast -Wno-stringop-truncation
    -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds -Wno-infinite-recursion)

# guest_program(OUTPUT SOURCES ... FLAGS ... DEPENDS ...): adds OUTPUT to the caller's list guest_programs.
function(guest_program output)
  cmake_parse_arguments(ARG "" "" "SOURCES;FLAGS;DEPENDS" ${ARGN})
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_C_COMPILER} ${GUEST_FLAGS} ${ARG_FLAGS} ${ARG_SOURCES} -o ${output} -lpthread -lm
    DEPENDS ${ARG_SOURCES} ${ARG_DEPENDS}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    VERBATIM)
  set(guest_programs ${guest_programs} ${output} PARENT_SCOPE)
endfunction()
