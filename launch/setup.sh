#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# setup.sh [--cuda] [--python-torch] [--slurm]: makes a bare Debian 12 able to build and run Ergon. Run it again at any time: it changes nothing when nothing is missing.
#   1. Debian packages, as root or through sudo; without either it prints the line to run and exits 2.
#   2. LibTorch: the torch folder named by ERGON_TORCH as it is, else the wheel in .venv: the CPU-only set, or the full set when a GPU answers
#      (ERGON_CUDA=on|off decides otherwise). A set appears under its final name only when it is complete.
#   --cuda: the full set in .venv, which run.device = "cuda" needs: the same as ERGON_CUDA=on.
#   --python-torch: also .venv-torch, a Python that can import torch, for `ergon bench --against pytorch` and the scripts that make golden values.
#   --slurm: also a Slurm to try jobs with on this machine (tests/cluster), and MariaDB for its accounts; nothing of them is started.
# Exit status: 0 ready; 2 something only the user can do (the text says what); 1 a download failed twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
top=$PWD
torch_version=2.11.0
cpu_set=(--no-deps "torch==$torch_version" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
full_set=("torch==$torch_version")
python_set=("torch==$torch_version" numpy)

# A package a line; `a|b`: the first one that this distribution knows (names of Debian 12 first).
packages='g++ cmake ninja-build pkg-config|pkgconf openmpi-bin libopenmpi-dev openssh-client libhdf5-dev hdf5-tools libisal-dev zlib1g-dev libzstd-dev libssl-dev libfmt-dev
  libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libsentencepiece-dev libpcre2-dev libicu-dev libnlopt-dev libnlopt-cxx-dev libeigen3-dev libhwloc-dev prometheus-cpp-dev libncurses-dev catch2 librapidcheck-dev
  strace faketime procps python3 python3-venv python3-h5py python3-pyte ca-certificates'
slurm_packages=' slurm-wlm slurm-wlm-basic-plugins slurm-client slurmdbd mariadb-server-core mariadb-client-core munge iproute2 shellcheck'

say() { printf 'setup: %s\n' "$*" >&2; }
refuse() { printf 'setup: %s\n' "$@" >&2; exit 2; }

# try_twice TEXT COMMAND...: runs COMMAND quietly, once more after a failure; shows the end of its output when both fail.
try_twice() {
  local text=$1 log; shift
  log=$(mktemp)
  for attempt in 1 2; do
    if "$@" >"$log" 2>&1; then rm -f "$log"; return 0; fi
    [ "$attempt" = 2 ] || { say "$text failed, trying once more in 5 s"; sleep 5; }
  done
  say "$text failed twice:"; tail -n 15 "$log" >&2; rm -f "$log"
  return 1
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]; }

# The entries of the table of which no name is installed.
missing_entries() {
  local entry name present have
  have=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 2>/dev/null | sed -n 's/^ii //p')
  for entry in $packages; do
    present=no
    for name in ${entry//|/ }; do case $'\n'$have$'\n' in *$'\n'"$name"$'\n'*) present=yes;; esac; done
    [ $present = yes ] || echo "$entry"
  done
}

install_packages() {
  local entries names=() entry name found root=()
  command -v dpkg-query >/dev/null || refuse "this script knows Debian and its relatives (no dpkg-query here); install what launch/cmake/dependencies.cmake names by hand"
  entries=$(missing_entries)
  [ -n "$entries" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then root=(sudo -n)
    elif command -v sudo >/dev/null && [ -t 0 ]; then root=(sudo)
    else
      refuse "packages are missing and this user is neither root nor able to use sudo here. Run:" \
        "  apt-get update && apt-get install -y --no-install-recommends $(for entry in $entries; do printf '%s ' "${entry%%|*}"; done)"
    fi
  fi
  say "reading the package lists"
  try_twice "apt-get update" "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q || exit 1
  for entry in $entries; do
    found=
    for name in ${entry//|/ }; do
      if [ -z "$found" ] && apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then found=$name; fi
    done
    [ -n "$found" ] || refuse "no package named ${entry//|/ or } in this distribution's lists; only Debian 12 was tried"
    names+=("$found")
  done
  say "installing ${#names[@]} packages: ${names[*]}"
  try_twice "apt-get install" "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${names[@]}" || exit 1
  for name in "${names[@]}"; do installed "$name" || { say "$name is still not installed"; exit 1; }; done
}

system_python() { if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else command -v python3; fi; }

gigabytes_free() { df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }'; }

# make_environment FOLDER NAME GIGABYTES PIP_ARGUMENTS...: a virtual environment that exists under its own name only when it is complete;
# FOLDER/ergon-set then says what it holds.
make_environment() {
  local folder=$1 name=$2 need=$3 part free; shift 3
  free=$(gigabytes_free)
  [ "$free" -ge "$need" ] || refuse "$folder needs about $need GB here, and $free GB are free; make room, or name an existing torch folder by ERGON_TORCH"
  rm -rf "$folder".part.*
  part=$(mktemp -d "$top/$folder.part.XXXXXX")
  trap 'rm -rf "$part"' EXIT
  say "downloading $name into $folder (about $need GB on disk)"
  try_twice "python3 -m venv" "$(system_python)" -m venv "$part" || exit 1
  try_twice "pip install" "$part/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off "$@" || exit 1
  compgen -G "$part/lib/python3*/site-packages/torch/lib/libtorch_cpu.so" >/dev/null || { say "the torch wheel holds no libtorch_cpu.so"; exit 1; }
  { grep -rlIZ -- "$(basename "$part")" "$part/bin" "$part/pyvenv.cfg" || true; } | xargs -0 -r sed -i "s/$(basename "$part")/$folder/g"
  echo "$name" >"$part/ergon-set"
  rm -rf "$folder"
  mv "$part" "$folder"
  chmod 755 "$folder"
  trap - EXIT
}

holds() { [ -f "$1/ergon-set" ] && [ "$(cat "$1/ergon-set")" = "$2" ]; }

install_torch() {
  local wanted
  if [ -n "${ERGON_TORCH:-}" ]; then
    [ -e "$ERGON_TORCH/lib/libtorch_cpu.so" ] || refuse "ERGON_TORCH is '$ERGON_TORCH', which holds no lib/libtorch_cpu.so; name the torch folder of a Python installation, or unset it"
    return 0
  fi
  case ${ERGON_CUDA:-auto} in
    on) wanted=full;;
    off) wanted=cpu;;
    auto) if command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then wanted=full; else wanted=cpu; fi;;
    *) refuse "ERGON_CUDA is '$ERGON_CUDA'; it may be on, off or auto";;
  esac
  holds .venv "LibTorch $torch_version, full set" && return 0
  if [ $wanted = full ]; then
    make_environment .venv "LibTorch $torch_version, full set" 6 "${full_set[@]}"
  else
    holds .venv "LibTorch $torch_version, CPU-only set" || make_environment .venv "LibTorch $torch_version, CPU-only set" 2 "${cpu_set[@]}"
  fi
}

install_python_torch() {
  holds .venv-torch "torch $torch_version for Python" && return 0
  make_environment .venv-torch "torch $torch_version for Python" 6 "${python_set[@]}"
}

python_torch=no
for argument in "$@"; do
  case $argument in
    --cuda) ERGON_CUDA=on;;
    --python-torch) python_torch=yes;;
    --slurm) packages+=$slurm_packages;;
    -h|--help) sed -n '3,11s/^# \{0,1\}//p' "$top/launch/setup.sh"; exit 0;;
    *) refuse "unknown argument '$argument'; launch/setup.sh --help";;
  esac
done
install_packages
install_torch
[ $python_torch = no ] || install_python_torch
say "ready"
