#!/usr/bin/env bash
# demo.sh CHRYSALIS GUESTS: runs a few applets of Debian's i386 busybox on the modelled core.
set -euo pipefail
chrysalis=$1 guests=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$here/fetch-guest.sh" busybox-static "$guests"
busybox=$guests/bin/busybox
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
seq 1 400 | sed 's/$/ butterflies leave the chrysalis/' >input.txt

echo "An unmodified i386 Linux program (Debian's busybox) on concealed firmware, on the cycle-level VLIW core."
failed=0
demonstrate() {
  echo
  printf '$ chrysalis run -- busybox'; printf ' %q' "$@"; echo
  local ours=0 native=0
  "$chrysalis" run --machine crusoe -- "$busybox" "$@" >ours.out </dev/null || ours=$?
  "$busybox" "$@" >native.out </dev/null || native=$?
  head -n 4 ours.out
  if cmp -s ours.out native.out && [ $ours = $native ]; then
    echo "(the same output and exit code as on this machine's own processor)"
  else
    echo "DIFFERS from the native run: exit code $ours, native $native"
    failed=1
  fi
}
demonstrate sha256sum input.txt
demonstrate awk '{ s += $1 / 3 } END { printf "%.6f\n", s }' input.txt
demonstrate sort -r -n input.txt
demonstrate sh -c 'for i in 1 2 3; do echo "shell $i"; done; exit 3'

cat <<'END'

What to try next:
  ./chrysalis run --machine denver --stats stats.json -- build/guests/bin/busybox wc README.md
  ./chrysalis run --set firmware.max_gear=0 -- build/guests/bin/busybox date             # interpreted only
  ./chrysalis explain -- build/guests/bin/busybox sha256sum README.md                    # the hottest translations
  ./chrysalis machine show crusoe
  ./chrysalis bench
  ./chrysalis run --help
END
exit $failed
