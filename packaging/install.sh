#!/bin/bash
# Installs Boxship for the whole machine: PREFIX/lib/boxship, PREFIX/bin, and the service.
# PREFIX is /usr/local unless set; DESTDIR is honoured.
set -euo pipefail
cd "$(dirname "$0")/.."
prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}
library=$prefix/lib/boxship

packaging/setup.sh run
rm -rf "$root$library.new"
mkdir -p "$root$library.new/packages" "$root$prefix/bin" "$root/etc/boxship"
/usr/bin/python3 -m venv "$root$library.new/venv"
"$root$library.new/venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: \
  --require-hashes -r requirements.lock
tar -c --exclude=__pycache__ boxship | tar -x -C "$root$library.new/packages"
rm -rf "$root$library"
mv "$root$library.new" "$root$library"
"$root$library/venv/bin/python" -m compileall -q "$root$library/packages"
packaging/commands.sh "$root$library/packages" "$root$library/venv/bin/python" "$root$prefix/bin"
# Below DESTDIR the commands name the places where they will be.
[ -z "$root" ] || sed -i "s|$root||g" "$root$prefix/bin/boxship" "$root$prefix/bin/boxshipd"
[ -e "$root/etc/boxship/daemon.json" ] || echo '{}' >"$root/etc/boxship/daemon.json"

if [ -d /run/systemd/system ] || [ -n "$root" ]; then
  install -D -m 644 -t "$root/lib/systemd/system" packaging/systemd/boxship.service packaging/systemd/boxship.socket
  sed -i "s|@PREFIX@|$prefix|" "$root/lib/systemd/system/boxship.service"
fi
if [ ! -d /run/systemd/system ]; then
  install -D -m 755 packaging/sysv/boxship "$root/etc/init.d/boxship"
  sed -i "s|@PREFIX@|$prefix|" "$root/etc/init.d/boxship"
fi
[ -n "$root" ] || getent group boxship >/dev/null || groupadd --system boxship

echo "installed $prefix/bin/boxship and $prefix/bin/boxshipd"
if [ -d /run/systemd/system ]; then
  echo "start it now and at boot:  systemctl enable --now boxship"
else
  echo "start it now:  service boxship start"
fi
