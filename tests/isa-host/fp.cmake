# The oracle is the build machine's own x87 and SSE units.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  chrysalis_test(isa_fp_test STANDARD 17
    SOURCES fp_x87_test.cpp fp_x87_convert_test.cpp fp_sse_test.cpp
    USES chrysalis::isa_host)
endif()
