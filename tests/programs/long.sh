#!/usr/bin/env bash
# long.sh BUILD [PART...]: the long forms of the program tests. Parts: guests applets determinism mutate, all by
# default; rtl and rtl_random, which take hours (MACHINES restricts them). docs/testing.md says what each does and takes.
# JOBS sets how many runs go at once (default: all processors),
# ONLY restricts the lists to lines that contain a text.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "${1:?usage: long.sh BUILD [PART...]}" && pwd)
shift
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(guests applets determinism mutate)
jobs=${JOBS:-$(nproc)}
chrysalis=$build/sim/chrysalis
guests=$build/tests/programs/guests
busybox=$build/../guests/bin/busybox
hosted="--firmware hosted --fidelity functional"
failed=()

# every --guests|--program WHERE LIST OPTIONS [MORE...]: one list with one set of options; MORE are compare_programs.py's.
every() {
  local which=("$1" "$2" --list "$3") options=$4
  local name=$(basename "$3" .txt)
  shift 4
  printf '\n== %s [%s]\n' "$name" "$options"
  python3 "$here/compare_programs.py" --chrysalis "$chrysalis" "${which[@]}" --options "$options" --jobs "$jobs" \
    --timeout 3600 --only "${ONLY:-}" "$@" || failed+=("$name [$options]")
}

all_options() {
  local machine interpreter gear
  for interpreter in direct-threaded indirect-threaded decode-dispatch; do
    local interpreted="--set firmware.max_gear=0 --set firmware.interpreter=$interpreter"
    "$@" "$hosted $interpreted"
    for machine in crusoe efficeon denver; do
      "$@" "--fidelity functional --machine $machine $interpreted"
      "$@" "--fidelity cycle --machine $machine $interpreted"
    done
  done
  for gear in 1 2 3; do
    "$@" "$hosted --set firmware.max_gear=$gear"
    for machine in crusoe efficeon denver; do
      "$@" "--fidelity functional --machine $machine --set firmware.max_gear=$gear"
      "$@" "--fidelity cycle --machine $machine --set firmware.max_gear=$gear"
    done
  done
}

for part in "${parts[@]}"; do
  case "$part" in
    guests) all_options every --guests "$guests" "$here/guests.txt" ;;
    applets) all_options every --program "$busybox" "$here/applets.txt" ;;
    determinism)
      printf '\n== determinism\n'
      python3 "$here/determinism.py" --chrysalis "$chrysalis" --guests "$guests" --long || failed+=(determinism)
      ;;
    mutate)
      printf '\n== mutated input\n'
      python3 "$here/mutate.py" --chrysalis "$chrysalis" --guests "$guests" --machines "$here/../../isa-host/machines" \
        --count 2000 || failed+=(mutate)
      ;;
    rtl)
      # In lockstep with the RTL core, from reset to exit. Kernels have to come through all gears.
      follow="--follower rtl --set guest.ram=64 --set firmware.gear2_threshold=1000 --set firmware.gear3_threshold=1 --set firmware.sample_period=5000"
      geared=(--at-least firmware.translations.gear1 1 --at-least firmware.translations.gear2 1 --at-least firmware.translations.gear3 1)
      for machine in ${MACHINES:-crusoe efficeon denver}; do
        every --guests "$build/tests/kernels/bare" "$here/../kernels/lockstep.txt" "--machine $machine $follow" \
          --command cosim --verbose --succeeding "${geared[@]}"
      done
      for machine in ${MACHINES:-crusoe efficeon denver}; do
        every --program "$busybox" "$here/applets_lockstep.txt" "--machine $machine --follower rtl --set guest.ram=64" --command cosim --verbose
      done
      ;;
    rtl_random)
      # PROGRAMS random programs of each kind for each machine.
      for machine in ${MACHINES:-crusoe efficeon denver}; do
        printf '\n== random host programs on %s\n' "$machine"
        CHRYSALIS_RTL_RANDOM=${PROGRAMS:-2000} "$build/tests/rtl/rtl_programs_test" --gtest_filter="Machines/*/$machine" || failed+=("host programs on $machine")
      done
      for machine in ${MACHINES:-crusoe efficeon denver}; do
        printf '\n== random x86 programs on %s\n' "$machine"
        python3 "$here/../rtl/random_x86.py" --chrysalis "$chrysalis" --machine "$machine" --programs "${PROGRAMS:-2000}" --jobs "$jobs" \
          || failed+=("x86 programs on $machine")
      done
      ;;
    *) echo "long.sh: unknown part '$part'; parts: guests applets determinism mutate rtl rtl_random" >&2; exit 2 ;;
  esac
done
printf '\n'
[ ${#failed[@]} = 0 ] || { printf 'failed: %s\n' "${failed[@]}"; exit 1; }
echo "all passed"
