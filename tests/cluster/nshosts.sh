#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nshosts.sh: N pretend hosts on one machine. Each has its own network stack (veth on a bridge), hostname, /dev/shm and /etc/hosts; the rest
# of the file system is shared, as on a cluster with a shared file system. Needs root (or CAP_NET_ADMIN and CAP_SYS_ADMIN).
#   nshosts.sh up N | down | exec HOST CMD... | cut HOST | mend HOST | list
# Open MPI over them:  mpirun --mca plm_rsh_agent DIR/nsagent --host node0:2,node1:2 ...   (nsagent is this script under another name)
# NSHOSTS_DIR: where their state lies; its name decides the names of bridge and veths, so several sets live side by side.
set -euo pipefail
DIR=${NSHOSTS_DIR:?a folder for the state of the hosts}; PFX=${NSHOSTS_PREFIX:-node}
mark=$(printf '%s' "$DIR" | cksum | cut -d' ' -f1); mark=$((mark % 46656))
BR=ergb$mark; VETH=ergv${mark}n; NET=10.$((200 + mark % 50)).$((mark / 50 % 250))
self=$(readlink -f "$0")
enter() { local h=$1; shift; local p; p=$(cat "$DIR/$h.pid"); exec nsenter -t "$p" -n -u -m --wd="$PWD" -- "$@"; }
case $(basename "$0") in
 nsagent) # the rsh contract: nsagent [options] HOST command words...
   while [ $# -gt 0 ]; do case $1 in -*) shift;; *) break;; esac; done
   h=$1; shift; enter "$h" /bin/sh -c "$*";;
esac
case ${1:-} in
 up)
  n=$2; mkdir -p "$DIR"; ln -sf "$self" "$DIR/nsagent"
  { echo "127.0.0.1 localhost"; echo "$NET.1 $(hostname -s) head"; for ((i=0;i<n;i++)); do echo "$NET.$((10+i)) $PFX$i"; done; } >"$DIR/hosts"
  ip link add "$BR" type bridge; ip addr add "$NET.1/24" dev "$BR"; ip link set "$BR" up
  for ((i=0;i<n;i++)); do
    rm -f "$DIR/$PFX$i.ok"
    unshare -n -u -m --propagation private sh -c "hostname $PFX$i; mount -t tmpfs -o size=1g tmpfs /dev/shm; mount --bind $DIR/hosts /etc/hosts; ip link set lo up; : >$DIR/$PFX$i.ok; exec sleep 1000000" </dev/null >/dev/null 2>&1 &
    echo $! >"$DIR/$PFX$i.pid"
    for ((t=0;t<100;t++)); do [ -e "$DIR/$PFX$i.ok" ] && break; sleep 0.02; done; [ -e "$DIR/$PFX$i.ok" ]
    ip link add "$VETH$i" type veth peer name eth0 netns "$(cat "$DIR/$PFX$i.pid")"
    ip link set "$VETH$i" master "$BR" up
    nsenter -t "$(cat "$DIR/$PFX$i.pid")" -n sh -c "ip addr add $NET.$((10+i))/24 dev eth0; ip link set eth0 up; ip route add default via $NET.1"
  done;;
 down)
  for f in "$DIR"/*.pid; do [ -e "$f" ] || continue; kill "$(cat "$f")" 2>/dev/null || true; rm -f "$f" "${f%.pid}.ok"; done
  for l in $(ip -o link show type veth 2>/dev/null | grep -o "${VETH}[0-9]*" | sort -u); do ip link del "$l" 2>/dev/null || true; done
  ip link del "$BR" 2>/dev/null || true;;
 exec) shift; enter "$@";;
 cut) ip link set "$VETH${2#"$PFX"}" down;;  # the host lives on and hears nothing
 mend) ip link set "$VETH${2#"$PFX"}" up;;
 net) echo "$NET";;
 list) for f in "$DIR"/*.pid; do h=$(basename "$f" .pid); echo "$h pid $(cat "$f")"; done;;
 *) sed -n 3,8p "$0"; exit 2;;
esac
