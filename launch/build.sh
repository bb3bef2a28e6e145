#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# build.sh PRESET [TARGET...]: configures and builds a preset of CMakePresets.json after launch/setup.sh, two jobs at a time (ERGON_JOBS changes that).
# A build folder that was made in another checkout, or with a torch that is gone, is configured afresh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=$1; shift
folder=build; [ "$preset" = release ] || folder=build-$preset
fresh=()
if [ -f "$folder/CMakeCache.txt" ]; then
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$folder/CMakeCache.txt")
  torch=$(sed -n 's/^ERGON_TORCH:[A-Z]*=//p' "$folder/CMakeCache.txt")
  if [ "$home" != "$PWD" ] || [ ! -e "$torch/lib/libtorch_cpu.so" ] || { [ -n "${ERGON_TORCH:-}" ] && [ "$torch" != "$ERGON_TORCH" ]; }; then fresh=(--fresh); fi
fi
log=$(mktemp); trap 'rm -f "$log"' EXIT
cmake --preset "$preset" "${fresh[@]}" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
# A terminal sees ninja's own line; a log sees one line in twenty-five.
started=$SECONDS
if [ -t 1 ]; then
  cmake --build "$folder" -j "${ERGON_JOBS:-2}" ${1:+--target "$@"}
else
  # Not awk: Debian's reads its input in blocks, and nothing would show for minutes.
  NINJA_STATUS='[%f/%t] ' cmake --build "$folder" -j "${ERGON_JOBS:-2}" ${1:+--target "$@"} | {
    lines=0
    while IFS= read -r line; do
      case $line in \[*/*\]*) lines=$((lines + 1)); [ $((lines % 25)) = 0 ] || continue;; esac
      printf '%s\n' "$line"
    done
  }
fi
echo "build: $folder ready after $((SECONDS - started)) s"
