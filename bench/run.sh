#!/bin/bash
# Measures Boxship, and every peer that is named, on one machine, and prints the table.
#   bench/run.sh [SUITE ...]            suites: lifecycle density floor (default: all)
#   PEERS="docker=docker -H unix:///run/docker.sock;podman=podman" bench/run.sh
# Boxship's engine is started here, with its data root on a fresh ext4 in a sparse file; put the
# peers' on the same. Compare ratios, not single times.
set -euo pipefail
cd "$(dirname "$0")/.."
home=${BENCH_HOME:-/var/tmp/boxship-bench}
python=$PWD/.venv/bin/python
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(lifecycle density floor)
mkdir -p "$home"
work=$(mktemp -d "$home/run.XXXXXX")
export RESULTS=${RESULTS:-$PWD/bench/results} PYTHONPATH=$PWD

finish() {
  if [ -n "${engine:-}" ]; then
    kill "$engine" && tail --pid="$engine" -f /dev/null
  fi
  umount "$work/data" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

start_engine() {
  mkdir -p "$work/data" "$work/exec"
  truncate -s 20G "$work/data.img"
  mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 "$work/data.img"
  mount -o loop "$work/data.img" "$work/data"
  mkfifo "$work/ready"
  .venv/bin/boxshipd --data-root "$work/data" --exec-root "$work/exec" -H "unix://$work/sock" \
    --pidfile "$work/pid" --ready-fd 9 9<>"$work/ready" >"$work/log" 2>&1 </dev/null &
  engine=$!
  read -r -t 30 <"$work/ready" || { cat "$work/log" >&2; exit 1; }
}

load_image() {
  "$python" -m boxship.entrypoints.base_image --docker-archive "$work/busybox.tar" busybox:latest >/dev/null
  $CLI load -q -i "$work/busybox.tar" >/dev/null
}

measure() {
  echo "== $LABEL: $CLI"
  load_image
  for suite in "${suites[@]}"; do
    [ "$suite" = floor ] && [ "$LABEL" != boxship ] && continue
    "$python" "bench/$suite.py"
  done
}

start_engine
LABEL=boxship CLI="$PWD/.venv/bin/boxship -H unix://$work/sock" ENGINE_PID=$engine
export LABEL CLI ENGINE_PID
measure
IFS=';' read -r -a peers <<<"${PEERS:-}"
for peer in "${peers[@]}"; do
  LABEL=${peer%%=*} CLI=${peer#*=} ENGINE_PID=0
  measure
done
"$python" bench/table.py
