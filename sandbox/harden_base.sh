#!/bin/sh
# `sh harden_base.sh PYTHON` runs once in the base image: the box's user, no setuid files, no certificates, bytecode for the standard library.
set -eu
python="${1:-python3}"

grep -q '^box:' /etc/passwd || {
    echo 'box:x:10001:' >>/etc/group
    echo 'box:x:10001:10001::/home/box:/bin/sh' >>/etc/passwd
}
mkdir -p /home/box /srv /run/box

find / -xdev -perm /6000 -exec chmod a-s {} +
rm -rf /etc/ssl/certs /usr/share/ca-certificates /root/.cache

# The images of the registry come without it, and a read-only box would compile each module at each start.
standard_library=$("$python" -c 'import os; print(os.path.dirname(os.__file__))')
"$python" - <<'PYTHON' || "$python" -m compileall -q -x '/(test|tests|site-packages|lib2to3)/' --invalidation-mode unchecked-hash "$standard_library"
import importlib.util, os, sys
sys.exit(not os.path.exists(importlib.util.cache_from_source(os.__file__)))
PYTHON
