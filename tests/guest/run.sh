#!/bin/bash
# Boots Debian with control groups version 2 and checks the installed engine there: PASS and FAIL
# lines, and the exit status of a test.
#   run.sh [plain] [systemd]    both unless named: without and with systemd as the first process
# The processor is emulated: KVM inside of a virtual machine cannot be relied on.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- plain systemd

guest=.tools/guest
limit_s=${GUEST_LIMIT:-900}
tests/guest/setup.sh
work=$(mktemp -d "$guest/run.XXXXXX")
trap 'rm -rf "$work"' EXIT

# One disk with what `make install` makes, and the checks.
make_program_disk() {
  local tree=$work/program
  mkdir -p "$tree/tests/guest"
  DESTDIR=$PWD/$tree/installed packaging/install.sh >/dev/null
  cp tests/guest/*.py tests/guest/init.sh "$tree/tests/guest/"
  mke2fs -q -t ext4 -O ^has_journal -d "$tree" "$work/program.img" 300M
}

boot() {
  timeout "$limit_s" qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
    -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -nic none -serial stdio -device virtio-rng-pci \
    -kernel "$guest/vmlinuz" -initrd "$guest/initrd.gz" \
    -append "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off random.trust_cpu=on $2 init=/program/tests/guest/init.sh guest=$1" \
    -drive "file=$guest/root.img,if=virtio,format=raw,snapshot=on" \
    -drive "file=$work/program.img,if=virtio,format=raw,readonly=on" </dev/null
}

# The guest's word for its end is its last line.
check() {
  echo "=== $1"
  boot "$1" "$2" | sed -u 's,\r,,g' | tee "$work/output" | grep --line-buffered -v '^.\[' || true
  grep -q '^guest: all checks passed$' "$work/output"
}

make_program_disk
status=0
for kind in "$@"; do
  case $kind in
    plain) check plain "apparmor=0" || status=1 ;;
    systemd) check systemd "security=apparmor apparmor=1" || status=1 ;;
    *) echo "run.sh: unknown kind $kind" >&2; exit 2 ;;
  esac
done
[ "$status" = 0 ] && echo "PASS guest" || echo "FAIL guest"
exit "$status"
