#!/usr/bin/env bash
# A real Slurm of one node in a folder of its own: munged, slurmctld and slurmd with their key, sockets, state, logs and pid files there.
#   slurmCluster.sh start FOLDER   starts it and waits until the node is idle; SLURM_CONF=FOLDER/slurm.conf then reaches it
#   slurmCluster.sh stop FOLDER    stops what was started, by its pid files
# Needs slurm-wlm and munge, and root.
set -euo pipefail
action=$1
folder=$(mkdir -p "$2" && cd "$2" && pwd)
export SLURM_CONF=$folder/slurm.conf

stop() {
  for name in slurmd slurmctld munged; do
    pid=$(cat "$folder/$name.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  done
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'; }

start() {
  chmod 755 "$folder"
  mkdir -p "$folder/state" "$folder/spool"
  head -c 1024 /dev/urandom >"$folder/munge.key"
  chmod 400 "$folder/munge.key"
  munged --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" --force
  cat >"$SLURM_CONF" <<CONF
ClusterName=ldctest
SlurmctldHost=$(hostname)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
KillWait=30
MinJobAge=300
SchedulerParameters=sched_interval=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
NodeName=$(hostname) CPUs=$(nproc) RealMemory=1000 State=UNKNOWN
PartitionName=test Nodes=$(hostname) Default=YES State=UP
CONF
  slurmctld
  slurmd
  for _ in $(seq 300); do
    [ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && return
    sleep 0.2
  done
  echo "the node did not come up" >&2
  tail -n 5 "$folder"/*.log >&2
  stop
  exit 1
}

case $action in
  start) start ;;
  stop) stop ;;
  *) echo "start or stop?" >&2; exit 2 ;;
esac
