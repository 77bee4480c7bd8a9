#!/bin/bash
# The guest's first process: installs the engine from its disk; then either becomes systemd, which
# runs the checks as a service, or runs them itself on a machine that has no service manager.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
program=/program
mount -t proc proc /proc
kind=$(sed -n 's/.*guest=\([a-z]*\).*/\1/p' /proc/cmdline)

mount --bind "$program/installed/usr/local" /usr/local
cp -r "$program/installed/etc/boxship" /etc/
cp "$program"/installed/lib/systemd/system/* /lib/systemd/system/
groupadd --system boxship

if [ "$kind" = systemd ]; then
  cat >/etc/systemd/system/guest-checks.service <<UNIT
[Service]
Type=oneshot
WorkingDirectory=$program
Environment=PATH=$PATH HOME=/root LANG=C.UTF-8
ExecStart=/usr/bin/python3 -B -m tests.guest systemd
ExecStopPost=/bin/busybox reboot -f
StandardOutput=file:/dev/ttyS0
StandardError=file:/dev/ttyS0
UNIT
  systemctl mask serial-getty@ttyS0.service >/dev/null 2>&1
  systemctl enable boxship.socket >/dev/null 2>&1
  systemctl add-wants multi-user.target guest-checks.service >/dev/null 2>&1
  systemctl set-default multi-user.target >/dev/null 2>&1
  exec /lib/systemd/systemd
fi

mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t mqueue mqueue /dev/mqueue
ip link set lo up
cd "$program" && python3 -B -m tests.guest plain
busybox reboot -f
