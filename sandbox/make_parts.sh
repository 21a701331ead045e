#!/bin/sh
# `sh make_parts.sh PYTHON`, as root in a build's container: uv, then what every environment shares.
set -eu

index="${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-}}"
[ -z "$index" ] || export PIP_INDEX_URL="$index"
"$1" -m venv /build/uv
/build/uv/bin/pip install --no-cache-dir --disable-pip-version-check -q "uv>=0.5"
"$1" /build/sandbox/build_environment.py /opt/box
rm -rf /tmp/uv
