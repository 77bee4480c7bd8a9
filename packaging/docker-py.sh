#!/bin/bash
# Makes .tools/docker-py: the source distribution of docker-py, with its own integration tests, and
# a virtual environment for them. The tests are no part of the wheel. docker-py of this version
# knows no newer requests, so that the project's environment would not do.
set -euo pipefail
cd "$(dirname "$0")/.."

version=6.1.3
hash=aa6d17830045ba5ef0168d5eaa34d37beeb113948c413affe1d5991fc11f9a20
lock=requirements-docker-py.lock
target=.tools/docker-py
stamp=$target/.complete-$(cat "$lock" packaging/docker-py.sh | sha256sum | cut -c1-16)
[ -e "$stamp" ] && exit

rm -rf "$target"
/usr/bin/python3 -m venv "$target/venv"
pip=("$target/venv/bin/pip" --disable-pip-version-check --quiet)
"${pip[@]}" install --only-binary :all: --require-hashes -r "$lock"
"${pip[@]}" download --no-deps --no-build-isolation --no-binary docker --dest "$target" \
  --require-hashes -r <(echo "docker==$version --hash=sha256:$hash")
mkdir "$target/source"
tar -xzf "$target/docker-$version.tar.gz" -C "$target/source" --strip-components=1
rm "$target/docker-$version.tar.gz"
touch "$stamp"
