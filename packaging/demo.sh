#!/bin/bash
# `make run`: from nothing to an HTTP answer out of a container whose image came from a registry.
# The engine keeps running with its default socket and data root (/var/lib/boxship); `make stop`
# ends it. Doing it again starts the container anew.
set -euo pipefail
cd "$(dirname "$0")/.."
name=hello
bin=$PWD/.venv/bin
state=$PWD/.run
export PATH=$bin:$PATH BOXSHIP_AUTOSTART=0
unset BOXSHIP_HOST DOCKER_HOST

show() {
  echo "\$ $*"
  "$@"
}

start_engine() {
  boxship version >/dev/null 2>&1 && return
  mkdir -p "$state"
  rm -f "$state/ready"
  mkfifo "$state/ready"
  setsid boxshipd --pidfile "$state/boxshipd.pid" --ready-fd 9 9<>"$state/ready" \
    >>"$state/boxshipd.log" 2>&1 </dev/null &
  if ! read -r -t 30 <"$state/ready"; then
    echo "the engine did not come up; its log $state/boxshipd.log ends with:" >&2
    tail -n 20 "$state/boxshipd.log" >&2
    exit 1
  fi
}

# Sets $registry; the process ends with this script.
start_registry() {
  local port
  port=$("$bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  registry=127.0.0.1:$port
  work=$(mktemp -d)
  cat >"$work/config.yml" <<CONFIG
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/storage}}
http: {addr: $registry}
CONFIG
  .tools/docker-registry/usr/bin/docker-registry serve "$work/config.yml" 2>"$work/log" &
  registry_pid=$!
  trap 'kill $registry_pid; rm -rf "$work"' EXIT
  if ! curl -fsS --retry 50 --retry-delay 0 --retry-max-time 20 --retry-connrefused -o "$work/answer" "http://$registry/v2/" 2>"$work/curl"; then
    cat "$work/log" "$work/curl" >&2
    exit 1
  fi
}

page='mkdir -p /www && echo "Hello from a container that Boxship runs." > /www/index.html && exec httpd -f -p 80 -h /www'

start_engine
start_registry
"$bin/python" -m boxship.entrypoints.base_image --push "$registry/busybox:latest" >"$work/digest"
boxship rm -f "$name" >/dev/null 2>&1 || true
show boxship pull "$registry/busybox"
show boxship run -d --init --name "$name" -p 127.0.0.1::80 "$registry/busybox" sh -c "$page"
address=$(boxship port "$name" 80)
show curl -fsS --retry 20 --retry-delay 0 --retry-max-time 10 --retry-all-errors "http://$address/"
show boxship ps
cat <<END

The engine goes on running. Try:  $bin/boxship ps
Docker's own client too:          docker -H unix:///run/boxship/boxship.sock ps
To end container and engine:      make stop
END
