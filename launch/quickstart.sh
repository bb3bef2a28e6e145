#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# quickstart.sh: from a bare machine to a trained model and its compute report, in ten minutes on two cores.
#   set up, build; real English text into a token store; train on 4 MPI ranks (launch/quickstart.toml), stop half-way by a signal, resume with the same line,
#   finish; the report, validation loss beside that of a bigram model of the same tokens, generated text.
# Everything it makes lies in runs/quickstart; each call trains anew, the token store is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
work=runs/quickstart package=sword-text-web
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1
began=$SECONDS

title() { printf '\n=== %s (%d s)\n' "$*" $((SECONDS - began)); }
fail() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }
show() { printf '$'; printf ' %q' "$@"; printf '\n'; "$@"; }

title "Set up and build"
launch/setup.sh
launch/build.sh release ergon
build/ergon doctor

fetch_package() {
  local top=$PWD
  mkdir -p "$work/package"
  # apt-get download needs package lists, not root; a machine that never read them gets them if we may.
  for attempt in 1 2; do
    (cd "$work/package" && apt-get download -qq -o APT::Sandbox::User="$(id -un)" $package) && break
    [ $attempt = 1 ] || fail "apt-get download $package failed; is there a network, and is this Debian or Ubuntu?"
    if [ "$(id -u)" = 0 ]; then apt-get update -qq; else fail "apt-get download $package failed; run: sudo apt-get update"; fi
  done
  dpkg -x "$work/package/$package"_*.deb "$top/$work/package"
}

title "Real English text"
mkdir -p $work
if [ ! -f $work/tokens.h5 ]; then
  rm -rf $work/package $work/corpus
  fetch_package
  python3 launch/quickstart_corpus.py $work/package $work/corpus
  show build/ergon data import $work/corpus -o $work/tokens.h5 --tokenizer sentencepiece --vocab 2048 --valid 0.05
  printf 'source: Debian package %s: World English Bible\nlicence: public domain (%s)\n' "$(basename $work/package/${package}_*.deb .deb)" \
    "$work/package/usr/share/doc/$package/copyright" >$work/SOURCE
fi
cat $work/SOURCE
build/ergon data bigram $work/tokens.h5 --json >$work/bigram.json

run=(mpirun -n 4 --oversubscribe --bind-to none build/ergon train launch/quickstart.toml)
half=$(($(sed -n 's/^steps = //p' launch/quickstart.toml) / 2))
steps_done() { [ -f $work/run/events.jsonl ] && sed -n 's/^{"event":"step".*"step":\([0-9]*\),.*/\1/p' $work/run/events.jsonl | tail -n 1 || true; }

title "Train on 4 ranks, mesh dp=2 x tp=2, and stop half-way by USR1"
rm -rf $work/run
printf '$ %s\n' "${run[*]}"
"${run[@]}" & job=$!
trap 'kill -USR1 $job 2>/dev/null || true' EXIT
while kill -0 $job 2>/dev/null; do
  done_now=$(steps_done)
  if [ "${done_now:-0}" -ge $half ]; then kill -USR1 $job; break; fi
  sleep 0.5
done
status=0; wait $job || status=$?
trap - EXIT
[ $status = 85 ] || fail "the stopped run ended with status $status, not 85 (saved, run me again)"
stopped=$(steps_done)
echo "stopped after step $stopped with exit code 85: saved, run me again"

title "Resume with the same line and finish"
show "${run[@]}"

title "What it cost"
show build/ergon report $work/run
build/ergon report $work/run --json >$work/report.json
show build/ergon checkpoint list $work/run

title "What it learnt"
python3 launch/quickstart_verdict.py $work/run/events.jsonl $work/bigram.json "$stopped"
show build/ergon generate $work/run --prompt "In the beginning" --tokens 80 --temperature 0.8 --seed 7

printf '\nquickstart: done in %d s; everything lies in %s\n' $((SECONDS - began)) $work
