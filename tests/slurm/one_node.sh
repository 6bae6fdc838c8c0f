#!/usr/bin/env bash
# Runs a command beside a Slurm of one node on this machine, and takes the Slurm down afterwards.
#
#     tests/slurm/one_node.sh .venv/bin/python tests/slurm/check.py
#
# Needs root and, of Debian or Ubuntu: apt-get install slurm-wlm munge. No systemd, no database of
# accounts, no control groups; everything is kept in a folder that is thrown away. Refuses where a
# Slurm is already running.
set -euo pipefail

for tool in munged slurmctld slurmd sbatch; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install slurm-wlm munge" >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "root is needed to start the daemons of Slurm" >&2; exit 2; }
[ $# -gt 0 ] || { echo "name the command to run beside Slurm" >&2; exit 2; }
if pgrep -x slurmctld >/dev/null; then echo "a Slurm is running here already" >&2; exit 2; fi

folder=$(mktemp -d)
chmod 755 "$folder"  # munge insists on folders that others cannot write to
node=$(hostname -s)
export SLURM_CONF="$folder/slurm.conf"

stop() {
  status=$?
  trap - EXIT
  # No job may outlive the Slurm that knows of it.
  scancel --me --signal=KILL --full 2>/dev/null || true
  scancel --me 2>/dev/null || true
  for _ in $(seq 20); do
    [ -z "$(squeue --noheader 2>/dev/null)" ] && break
    sleep 0.5
  done
  for daemon in slurmd slurmctld munged; do
    [ -s "$folder/$daemon.pid" ] && kill "$(cat "$folder/$daemon.pid")" 2>/dev/null || true
  done
  sleep 1
  if [ "$status" != 0 ]; then tail -n 20 "$folder"/slurm*.log >&2 || true; fi
  rm -rf "$folder"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT TERM

mkdir "$folder/munge" "$folder/state" "$folder/spool"
head -c 1024 /dev/urandom > "$folder/munge/key"
chown -R munge "$folder/munge"
chmod 700 "$folder/munge/key"
chmod 711 "$folder/munge"
touch "$folder/munged.log" && chown munge "$folder/munged.log"
setpriv --reuid munge --regid munge --clear-groups munged --foreground \
  --key-file "$folder/munge/key" --socket "$folder/munge/socket" --pid-file "$folder/munge/pid" \
  --log-file "$folder/munged.log" --seed-file "$folder/munge/seed" >/dev/null 2>&1 &
echo $! > "$folder/munged.pid"

# The node offers what slurmd itself finds; two cores or more, so that jobs can run side by side.
cat > "$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
KillWait=2
SchedulerParameters=batch_sched_delay=1,sched_interval=2
$(slurmd -C | head -n 1) NodeAddr=127.0.0.1 State=UNKNOWN
PartitionName=main Nodes=$node Default=YES MaxTime=INFINITE State=UP
CONF

slurmctld
slurmd
for _ in $(seq 60); do
  sinfo --noheader --format=%T 2>/dev/null | grep -qx idle && break
  sleep 1
done
sinfo --noheader --format="Slurm of one node: %n, %c cores, %T" | grep idle
"$@"
