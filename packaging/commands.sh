#!/bin/bash
# Writes the commands boxship and boxshipd, which name their interpreter themselves.
#   commands.sh PACKAGE_PARENT PYTHON DIRECTORY
set -euo pipefail
parent=$1 python=$2 directory=$3

mkdir -p "$directory"
# -P: the package is the one below the parent, not one in the present directory.
PYTHONPATH=$parent "$python" -P -m boxship.entrypoints.cli --install-launcher "$directory" >/dev/null
cat >"$directory/boxshipd.tmp" <<LAUNCHER
#!$python -I
import sys
sys.path.append("$parent")
from boxship.entrypoints.daemon import main
main()
LAUNCHER
chmod 755 "$directory/boxshipd.tmp"
mv "$directory/boxshipd.tmp" "$directory/boxshipd"
