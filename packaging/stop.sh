#!/bin/bash
# `make stop`: ends what `make run` started.
set -euo pipefail
cd "$(dirname "$0")/.."
state=$PWD/.run
export BOXSHIP_AUTOSTART=0
unset BOXSHIP_HOST DOCKER_HOST

.venv/bin/boxship rm -f hello || true
if [ -s "$state/boxshipd.pid" ]; then
  pid=$(cat "$state/boxshipd.pid")
  kill "$pid" 2>/dev/null || true
  tail --pid="$pid" -f /dev/null
  echo "the engine has ended"
fi
