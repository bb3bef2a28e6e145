#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh: installs what is missing, builds, runs every test through CTest, tier by tier, and ends non-zero if one fails.
#   tests/run.sh                     the tiers unit, parallel, e2e, fault, slurm
#   tests/run.sh --all               and every other label there is
#   tests/run.sh --label X           only label X (may be repeated); sanitize: the label unit in the build of the preset asan
#   tests/run.sh -R REGEX            only tests whose name matches; -E leaves tests out (both as ctest has them)
#   tests/run.sh --preset asan       with another preset of CMakePresets.json
# The last line is `N passed, N failed, N skipped`; a test that skips says `skipped: reason`, and every reason is printed above it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
tiers=(unit parallel e2e fault slurm)
budget() { case $1 in unit) echo 2;; parallel) echo 6;; e2e) echo 6;; fault) echo 5;; slurm) echo 6;; *) echo 0;; esac; }  # minutes, warm

preset=release all=no labels=() select=()
while [ $# -gt 0 ]; do
  case $1 in
    --all) all=yes;;
    --label) labels+=("${2:?--label needs a name}"); shift;;
    --preset) preset=${2:?--preset needs a name}; shift;;
    -R|-E) select+=("$1" "${2:?$1 needs an expression}"); shift;;
    -h|--help) sed -n '3,9s/^# \{0,1\}//p' tests/run.sh; exit 0;;
    *) echo "tests/run.sh: unknown argument '$1'; tests/run.sh --help" >&2; exit 2;;
  esac
  shift
done

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
launch/setup.sh
case "$all ${labels[*]:-${tiers[*]}} " in yes*|*" slurm"*)
  launch/setup.sh --slurm || echo "tests/run.sh: Slurm cannot be installed here; its tests will say what they miss";;
esac
folder=build; [ "$preset" = release ] || folder=build-$preset
[ "${labels[*]}" = sanitize ] || launch/build.sh "$preset"
results=$folder/results
rm -rf "$results"; mkdir -p "$results"

mapfile -t present < <(ctest --test-dir "$folder" --print-labels 2>/dev/null | sed -n 's/^  //p'; echo sanitize)
if [ ${#labels[@]} -eq 0 ]; then
  labels=("${tiers[@]}")
  if [ $all = yes ]; then
    for label in "${present[@]}"; do case " ${tiers[*]} " in *" $label "*) ;; *) labels+=("$label");; esac; done
  fi
fi

# run_label FOLDER LABEL NAME: the tests of a label in a build; NAME.xml says what came of them.
run_label() {
  # Passed tests keep their output too: a reason for skipping must not be cut off.
  ctest --test-dir "$1" -L "^$2\$" "${select[@]}" -j 2 --output-on-failure --no-tests=ignore --test-output-size-passed 65536 \
    --output-junit "$PWD/$results/$3.xml" 2>&1 | grep --line-buffered -vE '^ *Start +[0-9]+:|^(Test project|Internal ctest)|^$' || [ "${PIPESTATUS[0]}" = 0 ]
}

# What LibTorch, Open MPI and HDF5 keep to the end would count as leaked; what the second sanitizer finds ends the process, or nobody saw it.
run_sanitized() {
  launch/build.sh asan ergon_unit
  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 run_label build-asan unit sanitize
}

status=0
for label in "${labels[@]}"; do
  minutes=$(budget "$label") started=$SECONDS
  if [ "$minutes" = 0 ]; then echo "--- $label"; else echo "--- $label (budget $minutes min)"; fi
  if [ "$label" = sanitize ]; then run_sanitized || status=1; else run_label "$folder" "$label" "$label" || status=1; fi
  spent=$((SECONDS - started))
  note=; if [ "$minutes" != 0 ] && [ $spent -gt $((minutes * 60)) ]; then note=', OVER BUDGET'; fi
  echo "--- $label took $spent s$note"
done

for label in "${present[@]}"; do
  case " ${labels[*]} " in *" $label "*) ;; *) echo "not run: label $label; run: tests/run.sh --label $label";; esac
done
/usr/bin/python3 tests/support/summary.py "$results" || status=1
exit $status
