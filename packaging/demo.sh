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
  local word line='$'
  for word; do
    case $word in *[!A-Za-z0-9_./:=-]*) line+=" '$word'" ;; *) line+=" $word" ;; esac
  done
  echo "$line"
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
  # Port 5050 where it is free, so that doing it again meets the same image name.
  port=$("$bin/python" - <<'PORT'
import socket

for port in (5050, 0):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(probe.getsockname()[1])
        break
PORT
  )
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
# The server inside may need a moment; the command shown does without the patience.
curl -fsS --retry 20 --retry-delay 0 --retry-max-time 10 --retry-all-errors -o "$work/page" "http://$address/"
show curl -sS "http://$address/"
show boxship ps
cat <<END

The engine goes on running. Try:  $bin/boxship ps
Docker's own client too:          docker -H unix:///run/boxship/boxship.sock ps
To end container and engine:      make stop
END
