#!/usr/bin/env bash
# fetch-guest.sh PACKAGE DIR: unpacks Debian's i386 PACKAGE into DIR (kept if already there).
# apt's i386 package lists live beside DIR: nothing of the system's own apt state changes.
set -euo pipefail
package=$1 dir=$2
[ -e "$dir/.fetched-$package" ] && exit 0
mkdir -p "$dir" "$dir/../apt/lists/partial" "$dir/../apt/archives/partial"
dir=$(cd "$dir" && pwd)
apt_dir=$(cd "$dir/../apt" && pwd)
options=(
  -oAPT::Architectures=amd64,i386 -oDir::State::Lists="$apt_dir/lists" -oDir::Cache="$apt_dir"
  -oAPT::Sandbox::User="$(id -un)" -oDebug::NoLocking=1
)
cd "$apt_dir/archives"
if ! apt-get "${options[@]}" download -qq "$package:i386" 2>/dev/null; then
  # One list of several may fail to load (a mirror in mid-synchronisation); the download decides.
  apt-get "${options[@]}" update -qq >"$apt_dir/update.log" 2>&1 || true
  apt-get "${options[@]}" download -qq "$package:i386" ||
    { echo "fetch-guest: cannot download $package:i386; see $apt_dir/update.log" >&2; exit 1; }
fi
dpkg -x "$(ls "$apt_dir/archives/${package}"_*_i386.deb | tail -n 1)" "$dir"
touch "$dir/.fetched-$package"
