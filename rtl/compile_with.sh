#!/bin/sh
# compile_with.sh LAUNCHER COMPILER ARGS...: a compiler launcher of CMake's that puts COMPILER in the place of the build's own, the first of
# ARGS, and LAUNCHER (ccache, or empty) before it.
launcher=$1 compiler=$2
shift 3
exec ${launcher:+"$launcher"} "$compiler" "$@"
