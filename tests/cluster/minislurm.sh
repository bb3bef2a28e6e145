#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# minislurm.sh: a private Slurm cluster of several nodes on one machine. No systemd, no file of the system is touched.
#   minislurm.sh start [-s] [-a] [-n NODES] [-c CPUS_PER_NODE] [-g GPUS_PER_NODE]
#       -s: each node in namespaces of its own for network, hostname and /dev/shm (nshosts.sh beside this file; root only)
#       -a: accounting by mariadbd and slurmdbd (package mariadb-server-core): sacct works
#   minislurm.sh stop | status | env        (eval "$(minislurm.sh env)" to use it)
# MINISLURM_DIR: where its state lies; MINISLURM_PORT: the first of its ports. Needs slurm-wlm and munge; every daemon runs as the caller.
set -euo pipefail
DIR=${MINISLURM_DIR:?a folder for the state of the cluster}; N=4; C=2; G=2; S=0; A=0; NS=$(dirname "$(readlink -f "$0")")/nshosts.sh; export NSHOSTS_DIR=$DIR/hosts; BASEPORT=${MINISLURM_PORT:-17000}
cmd=${1:-}; shift || true
while getopts san:c:g: o; do case $o in s) S=1;; a) A=1;; n) N=$OPTARG;; c) C=$OPTARG;; g) G=$OPTARG;; *) exit 2;; esac; done
export SLURM_CONF=$DIR/etc/slurm.conf
HOST=$(hostname -s); ME=$(id -un); LAST=$((N-1)); NET=$("$NS" net); HEAD=127.0.0.1; [ $S = 0 ] || HEAD=$NET.1

alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

write_conf() {
  mkdir -p "$DIR"/{etc,log,run,state,dev}
  for ((i=0;i<N;i++)); do mkdir -p "$DIR/spool/node$i" "$DIR/tmp/node$i"; done
  chmod 755 "$DIR" "$DIR/run"
  [ -s "$DIR/etc/munge.key" ] || { head -c 1024 /dev/urandom >"$DIR/etc/munge.key"; chmod 400 "$DIR/etc/munge.key"; }
  touch "$DIR/log/jobcomp.log" "$DIR/log/accounting.log"
  # a fake GPU: gres/gpu wants File= with a character device (Count= alone is reported as 0, a plain file is refused).
  # As root: mknod of a second /dev/null each; else borrow existing devices (5 at most).
  local gpus=() i d
  for ((i=0;i<G;i++)); do d=$DIR/dev/fakegpu$i
    [ -c "$d" ] || { rm -f "$d"; mknod "$d" c 1 3 2>/dev/null || d=/dev/$(echo null zero full random urandom | cut -d' ' -f$((i+1))); }
    gpus+=("NodeName=node[0-$LAST] Name=gpu Type=fake File=$d"); done
  # plain mode (nodes share the host): Open MPI names its shared-memory files by host and node-local rank, so ranks of two
  # "nodes" would map each other's file and crash in btl/vader; TCP only is safe for srun and for mpirun in a batch job.
  cat >"$DIR/etc/taskprolog.sh" <<T1
#!/bin/sh
echo "export OMPI_MCA_btl=self,tcp"
T1
  chmod 755 "$DIR/etc/taskprolog.sh"
  cat >"$DIR/etc/gres.conf" <<G1
AutoDetect=off
$( [ "$G" -eq 0 ] || printf '%s\n' "${gpus[@]}" )
G1
  cat >"$DIR/etc/slurm.conf" <<C1
ClusterName=minislurm
SlurmctldHost=$HOST($HEAD)
SlurmctldPort=$((BASEPORT+1))
SlurmUser=$ME
SlurmdUser=$ME
AuthType=auth/munge
AuthInfo=socket=$DIR/run/munge.sock,cred_expire=5
CredType=cred/munge
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool/%n
SlurmctldPidFile=$DIR/run/slurmctld.pid
SlurmdPidFile=$DIR/run/slurmd.%n.pid
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/slurmd.%n.log
SlurmctldDebug=info
SlurmdDebug=info
# one host, no cgroup, no root needed
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
$( [ $S = 1 ] || echo "TaskProlog=$DIR/etc/taskprolog.sh" )
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
SwitchType=switch/none
MpiDefault=pmix
# the pmix plugin makes TmpFS/spmix_appdir_UID_JOB.STEP: it must differ by node when nodes share a host
TmpFS=$DIR/tmp/%n
ReturnToService=2
SlurmdParameters=config_overrides
# scheduling: two partitions on the same nodes, the upper one preempts the lower by requeue
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=0,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=5
KillOnBadExit=1
MinJobAge=600
InactiveLimit=0
SlurmctldTimeout=30
# on a machine that does much else, an answer may take longer than the 10 s of the default
MessageTimeout=60
SlurmdTimeout=60
CompleteWait=0
# accounting: no slurmdbd; one line a job in a text file (sacct -c reads it)
$( [ $A = 1 ] && printf 'AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\nAccountingStoragePort=%s\nAccountingStoragePass=%s\nAccountingStorageTRES=gres/gpu\n' $((BASEPORT+2)) "$DIR/run/munge.sock" || echo AccountingStorageType=accounting_storage/none )
JobCompType=jobcomp/filetxt
JobCompLoc=$DIR/log/jobcomp.log
GresTypes=gpu
NodeName=DEFAULT CPUs=$C RealMemory=1024 State=UNKNOWN $( [ "$G" -gt 0 ] && echo "Gres=gpu:fake:$G" )
C1
  [ -z "${MINISLURM_EXTRA:-}" ] || printf '%b\n' "$MINISLURM_EXTRA" >>"$DIR/etc/slurm.conf"   # any further slurm.conf lines
  for ((i=0;i<N;i++)); do
    if [ $S = 1 ]; then echo "NodeName=node$i NodeHostname=node$i NodeAddr=$NET.$((10+i)) Port=$((BASEPORT+10))"
    else echo "NodeName=node$i NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$((BASEPORT+10+i))"; fi
  done >>"$DIR/etc/slurm.conf"
  cat >>"$DIR/etc/slurm.conf" <<C2
PartitionName=low  Nodes=node[0-$LAST] Default=YES MaxTime=INFINITE State=UP PriorityTier=1  PreemptMode=REQUEUE GraceTime=${MINISLURM_GRACE:-0}
PartitionName=high Nodes=node[0-$LAST] Default=NO  MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
C2
}

start_dbd() {
  [ -d "$DIR/db" ] || mariadb-install-db --no-defaults --user="$ME" --datadir="$DIR/db" --auth-root-authentication-method=socket --skip-test-db >"$DIR/log/mariadb-install.log" 2>&1
  alive "$DIR/run/mariadbd.pid" || { setsid mariadbd --no-defaults --user="$ME" --datadir="$DIR/db" --socket="$DIR/run/mariadb.sock" --pid-file="$DIR/run/mariadbd.pid" \
      --skip-networking --innodb-buffer-pool-size=32M --innodb-log-file-size=8M --performance-schema=0 --innodb-lock-wait-timeout=900 </dev/null >"$DIR/log/mariadbd.log" 2>&1 & }
  for ((t=0;t<150;t++)); do [ -S "$DIR/run/mariadb.sock" ] && break; sleep 0.1; done
  # slurmdbd's MySQL client takes a socket through the client option file (group [client])
  printf '[client]\nsocket=%s\n' "$DIR/run/mariadb.sock" >"$DIR/etc/my.cnf"
  cat >"$DIR/etc/slurmdbd.conf" <<D1
AuthType=auth/munge
AuthInfo=socket=$DIR/run/munge.sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((BASEPORT+2))
SlurmUser=$ME
LogFile=$DIR/log/slurmdbd.log
PidFile=$DIR/run/slurmdbd.pid
DebugLevel=info
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=$ME
StorageLoc=slurm_acct
D1
  chmod 600 "$DIR/etc/slurmdbd.conf"
  alive "$DIR/run/slurmdbd.pid" || MYSQL_HOME=$DIR/etc MARIADB_HOME=$DIR/etc MYSQL_UNIX_PORT=$DIR/run/mariadb.sock slurmdbd
  for ((t=0;t<150;t++)); do sacctmgr -n -i list cluster >/dev/null 2>&1 && break; sleep 0.1; done
}
start() {
  write_conf
  [ $S = 0 ] || "$NS" up "$N"
  alive "$DIR/run/munged.pid" || munged --key-file="$DIR/etc/munge.key" --socket="$DIR/run/munge.sock" --pid-file="$DIR/run/munged.pid" \
      --log-file="$DIR/log/munged.log" --seed-file="$DIR/run/munged.seed" --num-threads=2 --force 2>>"$DIR/log/munged.start"
  [ $A = 0 ] || start_dbd
  alive "$DIR/run/slurmctld.pid" || slurmctld -f "$SLURM_CONF"
  for ((i=0;i<N;i++)); do alive "$DIR/run/slurmd.node$i.pid" || $( [ $S = 0 ] || echo "$NS exec node$i" ) slurmd -f "$SLURM_CONF" -N node$i; done
  for ((t=0;t<100;t++)); do
    [ "$(sinfo -h -p low -t idle,mix,alloc -o %D 2>/dev/null || echo 0)" = "$N" ] && { echo "minislurm: $N nodes idle"; return 0; }
    sleep 0.1
  done
  echo "minislurm: nodes did not come up; see $DIR/log" >&2; sinfo >&2 || true; return 1
}
stop() {
  scancel --quiet -u "$ME" 2>/dev/null || true
  for p in "$DIR"/run/slurmd.*.pid "$DIR/run/slurmctld.pid" "$DIR/run/slurmdbd.pid" "$DIR/run/mariadbd.pid" "$DIR/run/munged.pid"; do
    alive "$p" || continue
    pid=$(cat "$p"); kill "$pid" || true
    for ((t=0;t<100;t++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
  done
  [ -d "$NSHOSTS_DIR" ] && "$NS" down || true
}
case $cmd in
 start) start;;
 stop) stop;;
 status) sinfo -N -l; squeue -l;;
 env) echo "export SLURM_CONF=$DIR/etc/slurm.conf";;
 *) sed -n 3,8p "$0"; exit 2;;
esac
