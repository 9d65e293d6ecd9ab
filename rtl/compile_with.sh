#!/bin/sh
# compile_with.sh COMPILER [ccache] CXX ARGS...: a compiler launcher of CMake's that puts COMPILER in the place of the build's own, CXX.
compiler=$1
shift
case $1 in *ccache) launcher=$1; shift ;; esac
shift
exec ${launcher:+"$launcher"} "$compiler" "$@"
