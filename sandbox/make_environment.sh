#!/bin/sh
# `sh make_environment.sh PYTHON [--on-image]`, as root in a build's container: the venvs of one environment.
set -eu

python="$1"
shift
"$python" /build/sandbox/build_environment.py /opt/box /build/manifests /build/requirements.list "$@" || exit $?
rm -rf /tmp/uv /opt/box/supervisor /opt/box/tools
