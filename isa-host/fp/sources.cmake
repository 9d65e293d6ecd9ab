# Floating-point arithmetic of isa-host, relative to that folder.
set(CHRYSALIS_FP_SOURCES
  fp/arithmetic.cpp
  fp/compare.cpp
  fp/convert.cpp
  fp/x87.cpp)
