# The guest programs, in GUEST_FOLDER.
set(GUEST_FOLDER ${CMAKE_CURRENT_BINARY_DIR}/guests)
file(MAKE_DIRECTORY ${GUEST_FOLDER})
set(guest_programs "")

foreach(name arithmetic division strings formats sorting heap control layout frames signals endings unsupported digest x87 startup
             threads mapped clock)
  guest_program(${GUEST_FOLDER}/${name} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/guests/${name}.c FLAGS -O2 DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/guests/guest.h)
endforeach()
foreach(name faults traps modified repeated instructions intruder precise)
  guest_program(${GUEST_FOLDER}/${name} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/guests/${name}.c ${CMAKE_CURRENT_SOURCE_DIR}/guests/probe.c FLAGS -O1
                DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/guests/guest.h ${CMAKE_CURRENT_SOURCE_DIR}/guests/probe.h)
endforeach()
# Self-modifying code: several programs in each.
foreach(name data patch generate map)
  guest_program(${GUEST_FOLDER}/smc_${name} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/smc/${name}.c ${CMAKE_CURRENT_SOURCE_DIR}/smc/main.c
                FLAGS -O1 -Wl,--no-warn-rwx-segments
                DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/smc/smc.h ${CMAKE_CURRENT_SOURCE_DIR}/guests/guest.h)
endforeach()
# The personality's own guests, which tests/sim/linux runs on it without a simulated core.
foreach(name files memory processes signals)
  guest_program(${GUEST_FOLDER}/system_${name} SOURCES ${PROJECT_SOURCE_DIR}/tests/sim/linux/guests/${name}.c
                FLAGS -O1 -w -D_FILE_OFFSET_BITS=64)
endforeach()
add_custom_target(guest_programs ALL DEPENDS ${guest_programs})
