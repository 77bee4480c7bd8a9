#!/bin/bash
# Makes the guest that boot.sh starts, in .tools/guest: a Debian root file system with what the
# engine needs, its kernel, and a small initial RAM disk. Needs root; quick when all is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
export DEBIAN_FRONTEND=noninteractive

release=bookworm
guest=.tools/guest
packages=(
  apparmor busybox-static ca-certificates conmon containernetworking-plugins crun dbus
  golang-github-containers-common golang-github-containers-image iproute2
  kmod libnftables1 nftables procps python3 runc systemd tini
)
tools=(cpio debootstrap e2fsprogs kmod qemu-system-x86)
drivers=(virtio_pci virtio_blk virtio_rng ext4)

say() { echo "guest: $*" >&2; }

quietly() { "$@" >"$guest/log" 2>&1 || { tail -n 20 "$guest/log" >&2; return 1; }; }

install_tools() {
  local missing=() name
  for name in "${tools[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  quietly apt-get install -y --no-install-recommends "${missing[@]}" && return
  quietly apt-get update
  quietly apt-get install -y --no-install-recommends "${missing[@]}"
}

# The machine's own source of packages, whatever it is called.
package_source() {
  apt-get indextargets --format '$(CODENAME) $(REPO_URI)' | awk -v release="$release" '$1 == release { print $2; exit }'
}

# Its maintainer scripts would make an initial RAM disk of their own: it is only unpacked.
unpack_kernel() {
  local name
  name=$(apt-cache depends linux-image-amd64 | awk '$1 == "Depends:" { print $2; exit }')
  say "unpacking $name"
  mkdir -p "$guest/kernel"
  (cd "$guest/kernel" && apt-get -o APT::Sandbox::User=root download "$name" >/dev/null && dpkg -x ./*.deb . && rm ./*.deb)
  mv "$guest"/kernel/boot/vmlinuz-* "$guest/vmlinuz"
  depmod -b "$guest/kernel" "$(kernel_version)"
}

kernel_version() { ls "$guest/kernel/lib/modules"; }

make_root() {
  local root=$guest/root
  say "making a root file system (some minutes)"
  quietly debootstrap --variant=minbase --include="$(IFS=,; echo "${packages[*]}")" "$release" "$root" "$(package_source)"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/usr/share/{doc,locale,man}
  mv "$guest/kernel/lib/modules" "$root/lib/modules"
  mkdir "$root/program"
  echo guest >"$root/etc/hostname"
  : >"$root/etc/machine-id"
  quietly mke2fs -t ext4 -O ^has_journal -d "$root" "$guest/root.img" 1500M
}

# Loads what the root file system needs, mounts it, and gives way to the program in "init=".
make_initial_disk() {
  local tree=$guest/initrd module version
  version=$(kernel_version)
  mkdir -p "$tree"/{bin,dev,modules,proc,root}
  cp "$guest/busybox" "$tree/bin/busybox"
  for module in $(modprobe -d "$PWD/$guest/kernel" -S "$version" -a --show-depends "${drivers[@]}" | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'); do
    cp "$module" "$tree/modules/"
    echo "${module##*/}" >>"$tree/modules/order"
  done
  install -m 755 tests/guest/initrd.sh "$tree/init"
  (cd "$tree" && find . | cpio --create --format=newc --quiet | gzip -1) >"$guest/initrd.gz"
}

clear_away() { rm -rf "$guest"/{root,kernel,initrd,busybox,log}; }

stamp=$guest/.made-$(cat tests/guest/setup.sh tests/guest/initrd.sh | sha256sum | cut -c1-16)
[ -e "$stamp" ] && exit 0
rm -rf "$guest"
mkdir -p "$guest"
trap clear_away EXIT
install_tools
(cd "$guest" && apt-get -o APT::Sandbox::User=root download busybox-static >/dev/null && dpkg -x busybox-static_*.deb busybox.d && mv busybox.d/bin/busybox . && rm -r busybox.d busybox-static_*.deb)
unpack_kernel
make_initial_disk
make_root
touch "$stamp"
say "ready"
