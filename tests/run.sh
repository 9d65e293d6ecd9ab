#!/usr/bin/env bash
# run.sh ROOT BUILD [ctest arguments]: every test, in its short form. docs/testing.md lists the long forms.
set -euo pipefail
root=$1 build=$2
shift 2
"$root/sim/fetch-guest.sh" busybox-static "$build/../guests"
cd "$build"
exec ctest --output-on-failure -j "$(nproc)" "$@"
