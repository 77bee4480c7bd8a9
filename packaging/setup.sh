#!/bin/bash
# Makes a machine ready: Debian packages, the virtual environment, the commands.
#   setup.sh run    what the engine needs, and a registry for the demonstration
#   setup.sh test   that, and what the tests need
# Quick and quiet when everything is there. Needs root for missing packages only.
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive

purpose=${1:?usage: setup.sh run|test}
tools=.tools
packages=(
  python3-venv ca-certificates crun conmon libnftables1 tini busybox-static
  golang-github-containers-common procps
)
# Unpacked below .tools and not installed: their packages would start services.
unpacked=(docker-registry)
lock=requirements.lock
case $purpose in
  run) packages+=(curl) ;;
  test)
    packages+=(runc iproute2 nftables iptables skopeo curl jq git)
    packages+=(fuse-overlayfs btrfs-progs e2fsprogs)
    unpacked+=(docker.io qemu-user-static)
    lock=requirements-dev.lock
    ;;
  *) echo "setup.sh: unknown purpose $purpose" >&2; exit 2 ;;
esac

say() { echo "setup: $*" >&2; }

quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || status=$?
  [ "$status" = 0 ] || tail -n 20 "$log" >&2
  rm -f "$log"
  return "$status"
}

# Package lists may be missing or old: refresh them only when a package cannot be had without.
with_fresh_lists() {
  "$@" >/dev/null 2>&1 && return
  quietly apt-get update
  quietly "$@"
}

install_packages() {
  local missing=() name
  for name in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  with_fresh_lists apt-get install -y --no-install-recommends "${missing[@]}"
}

unpack_packages() {
  local name target
  for name in "${unpacked[@]}"; do
    target=$tools/$name
    [ -e "$target/.complete" ] && continue
    say "unpacking $name into $target"
    rm -rf "$target"
    mkdir -p "$target"
    (cd "$target" && with_fresh_lists apt-get -o APT::Sandbox::User=root download "$name")
    dpkg -x "$target"/"$name"_*.deb "$target"
    rm "$target"/"$name"_*.deb
    # Of 370 MB the tests use one emulator.
    [ "$name" != qemu-user-static ] || find "$target/usr/bin" -type f ! -name qemu-aarch64-static -delete
    touch "$target/.complete"
  done
}

make_environment() {
  local stamp
  stamp=.venv/.locked-$(cat "$lock" packaging/setup.sh | sha256sum | cut -c1-16)
  [ -e "$stamp" ] && return
  say "making .venv from $lock"
  [ -x .venv/bin/python ] || /usr/bin/python3 -m venv .venv
  quietly .venv/bin/pip install --disable-pip-version-check --only-binary :all: --require-hashes -r "$lock"
  touch "$stamp"
}

install_packages
unpack_packages
make_environment
[ "$purpose" = run ] || quietly packaging/docker-py.sh
packaging/commands.sh "$PWD" "$PWD/.venv/bin/python" "$PWD/.venv/bin"
