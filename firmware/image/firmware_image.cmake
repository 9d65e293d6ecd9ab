# Compiling programs for the core: C++ by the RISC-V compiler, then the image builder.

find_program(CHRYSALIS_RISCV_CXX riscv64-linux-gnu-g++-12 REQUIRED)

set(CHRYSALIS_RISCV_FLAGS
  -std=c++20 -O2 -march=rv64im_zba_zbb -mabi=lp64 -mcmodel=medlow -mno-relax -mno-strict-align -msmall-data-limit=0
  -fno-exceptions -fno-rtti -fno-pic -fno-pie -fno-threadsafe-statics -fno-stack-protector -fno-math-errno
  -fno-asynchronous-unwind-tables -fno-unwind-tables -ffunction-sections -fdata-sections -fno-gnu-unique
  -Wall -Wextra -Werror -Wno-missing-field-initializers)

# glibc's headers ask for this file in the lp64 ABI, for which Debian has no libc; no function is stubbed.
set(CHRYSALIS_RISCV_INCLUDE ${CMAKE_BINARY_DIR}/riscv-include)
file(WRITE ${CHRYSALIS_RISCV_INCLUDE}/gnu/stubs-lp64.h "")

# How often the firmware's blocks run (profile.h).
set(CHRYSALIS_FIRMWARE_PROFILE ${CMAKE_SOURCE_DIR}/firmware/image/profile.txt)

set(CHRYSALIS_RUNTIME_SOURCES
  ${CMAKE_SOURCE_DIR}/firmware/runtime/console.cpp
  ${CMAKE_SOURCE_DIR}/firmware/runtime/event.cpp
  ${CMAKE_SOURCE_DIR}/firmware/runtime/heap.cpp
  ${CMAKE_SOURCE_DIR}/firmware/runtime/jump.cpp
  ${CMAKE_SOURCE_DIR}/firmware/runtime/memory.cpp
  ${CMAKE_SOURCE_DIR}/firmware/runtime/start.cpp
  ${CMAKE_SOURCE_DIR}/firmware/runtime/support.cpp)

# chrysalis_riscv_objects(variable SOURCES ... [FLAGS ...] [DEPENDS ...]): RISC-V objects of `SOURCES`, in the build tree;
# their paths in `variable`. DEPENDS: what is generated before.
function(chrysalis_riscv_objects variable)
  cmake_parse_arguments(ARG "" "" "SOURCES;FLAGS;DEPENDS" ${ARGN})
  set(objects)
  foreach(source ${ARG_SOURCES})
    get_filename_component(source ${source} ABSOLUTE)
    file(RELATIVE_PATH relative ${CMAKE_SOURCE_DIR} ${source})
    string(MD5 variant "${ARG_FLAGS}")
    string(SUBSTRING ${variant} 0 6 variant)
    set(object ${CMAKE_BINARY_DIR}/riscv/${variant}/${relative}.o)
    get_filename_component(directory ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${directory})
    set(extra ${ARG_FLAGS})
    if(relative MATCHES "runtime/memory")
      list(APPEND extra -fno-builtin -fno-tree-loop-distribute-patterns)
    endif()
    get_property(known GLOBAL PROPERTY chrysalis_riscv_${object})
    if(NOT known)
      set_property(GLOBAL PROPERTY chrysalis_riscv_${object} TRUE)
      add_custom_command(OUTPUT ${object}
        COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${CHRYSALIS_RISCV_CXX} ${CHRYSALIS_RISCV_FLAGS} ${extra}
          -I${CMAKE_SOURCE_DIR} -I${CMAKE_BINARY_DIR}/generated -isystem ${CHRYSALIS_RISCV_INCLUDE}
          -MMD -MF ${object}.d -MT ${object} -c ${source} -o ${object}
        DEPENDS ${source} ${ARG_DEPENDS} DEPFILE ${object}.d VERBATIM
        COMMENT "RISC-V object ${relative}")
    endif()
    list(APPEND objects ${object})
  endforeach()
  set(${variable} ${objects} PARENT_SCOPE)
endfunction()

# chrysalis_riscv_mode_object(variable MODE mode OBJECTS ...): one object of `OBJECTS`, with all their code in the
# section of an account mode. Section attributes would not do: GCC 12 ignores them on templates.
function(chrysalis_riscv_mode_object variable)
  cmake_parse_arguments(ARG "" "MODE" "OBJECTS" ${ARGN})
  set(script ${CMAKE_BINARY_DIR}/riscv/${ARG_MODE}.ld)
  file(WRITE ${script} "SECTIONS { .text.${ARG_MODE} : { *(.text .text.*) } }\n")
  list(GET ARG_OBJECTS 0 first)
  string(MD5 variant "${ARG_OBJECTS}")
  string(SUBSTRING ${variant} 0 6 variant)
  set(object ${CMAKE_BINARY_DIR}/riscv/${ARG_MODE}-${variant}.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CHRYSALIS_RISCV_CXX} -march=rv64im_zba_zbb -mabi=lp64 -mno-relax -nostdlib -r
      -Wl,--force-group-allocation -Wl,-T,${script} ${ARG_OBJECTS} -o ${object}
    DEPENDS ${ARG_OBJECTS} ${script} VERBATIM
    COMMENT "RISC-V object of account mode ${ARG_MODE}")
  set(${variable} ${object} PARENT_SCOPE)
endfunction()

# chrysalis_riscv_program(name SOURCES ... [OBJECTS ...] [FLAGS ...] [DEPENDS ...]): links SOURCES with the runtime into
# ${CMAKE_BINARY_DIR}/firmware/<name>.elf, as the image builder wants it. Target <name>_elf.
function(chrysalis_riscv_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;OBJECTS;FLAGS;DEPENDS" ${ARGN})
  chrysalis_riscv_objects(objects SOURCES ${ARG_SOURCES} FLAGS ${ARG_FLAGS} DEPENDS ${ARG_DEPENDS})
  chrysalis_riscv_objects(runtime SOURCES ${CHRYSALIS_RUNTIME_SOURCES})
  set(elf ${CMAKE_BINARY_DIR}/firmware/${name}.elf)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/firmware)
  # kConcealedBase + 8 KiB (firmware/abi.h); account modes stay sections of their own.
  add_custom_command(OUTPUT ${elf}
    COMMAND ${CHRYSALIS_RISCV_CXX} -march=rv64im_zba_zbb -mabi=lp64 -static -nostdlib -nostartfiles
      -Wl,--emit-relocs -Wl,--no-relax -Wl,--build-id=none -Wl,-e,fw_start -Wl,-Ttext-segment=0x70002000
      -Wl,-z,max-page-size=4096 -Wl,--fatal-warnings -Wl,--no-warn-rwx-segments
      -Wl,--unique=.text.interpreter -Wl,--unique=.text.translator -Wl,--unique=.text.dispatch
      -Wl,--unique=.text.recovery
      ${objects} ${ARG_OBJECTS} ${runtime} -o ${elf}
    DEPENDS ${objects} ${ARG_OBJECTS} ${runtime} ${ARG_DEPENDS} VERBATIM
    COMMENT "RISC-V program ${name}")
  add_custom_target(${name}_elf DEPENDS ${elf})
endfunction()

# chrysalis_firmware_images(name): images of the program for the machines that come with us, by the firmware's profile:
# ${CMAKE_BINARY_DIR}/firmware/<name>.<machine>.image. Target <name>_images.
function(chrysalis_firmware_images name)
  set(elf ${CMAKE_BINARY_DIR}/firmware/${name}.elf)
  set(images)
  foreach(machine ${CHRYSALIS_MACHINES})
    set(image ${CMAKE_BINARY_DIR}/firmware/${name}.${machine}.image)
    add_custom_command(OUTPUT ${image}
      COMMAND chrysalis_image_builder_tool --profile ${CHRYSALIS_FIRMWARE_PROFILE} --machine ${machine} ${elf} ${image}
      DEPENDS ${elf} ${CHRYSALIS_FIRMWARE_PROFILE} chrysalis_image_builder_tool VERBATIM
      COMMENT "Firmware image ${name} for ${machine}")
    list(APPEND images ${image})
  endforeach()
  add_custom_target(${name}_images DEPENDS ${images})
endfunction()
