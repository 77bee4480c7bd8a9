#!/bin/busybox sh
# The first program of the guest: brings up the root disk, the engine's disk, and what "init=" says.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t devtmpfs devtmpfs /dev
while read -r module; do
  $b insmod "/modules/$module"
done </modules/order
$b mount -t ext4 /dev/vda /root
$b mount -t ext4 -o ro /dev/vdb /root/program
init=$($b sed -n 's/.*init=\([^ ]*\).*/\1/p' /proc/cmdline)
$b umount /proc
exec $b switch_root -c /dev/console /root "$init"
