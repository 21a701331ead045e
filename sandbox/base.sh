#!/bin/bash
# Build the base image debugbox/base:3.X from Debian packages, for machines without an image registry.
#
#   sandbox/base.sh 3.11        bookworm; 3.13 is trixie. Needs root, mmdebstrap and a Docker engine; about a minute.
#
# Where the machine has its own apt settings (mirror, proxy, certificates) they are used, and none of them is kept.
set -euo pipefail

python="${1:?usage: base.sh 3.11 | 3.13}"
case "$python" in
    3.11) suite=bookworm ;;
    3.13) suite=trixie ;;
    *) echo "base.sh: Debian has no release with Python $python; choose 3.11 or 3.13" >&2; exit 64 ;;
esac

# The address of this machine's Debian mirror: the first one its own settings name, else Debian's.
debian_mirror() {
    local address
    address=$(apt-get indextargets --format '$(SITE) $(SUITE) $(REPO_URI)' 2>/dev/null \
        | awk '$3 ~ /\/debian\/?$/ { print $3; exit }')
    echo "${address:-http://deb.debian.org/debian}"
}

mirror=$(debian_mirror)
bundle="${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}"
echo "base.sh: debugbox/base:$python from Debian $suite, mirror $mirror" >&2

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# libexpat and friends come with python3; python3-venv brings pip for the builder stage.
# Documentation and translations are a third of the size and read by nobody in a box.
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv \
    --aptopt="Acquire::https::CAInfo \"$bundle\"" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/* "$1"/var/log/*' \
    --customize-hook='rm -f "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/apt/apt.conf.d/99mmdebstrap' \
    "$suite" "$folder/root.tar" "$mirror"

docker import \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' \
    --change "LABEL io.debugbox.base=$python" \
    "$folder/root.tar" "debugbox/base:$python" >/dev/null
docker image inspect --format "base.sh: {{index .RepoTags 0}} {{.Id}} {{.Size}} bytes" "debugbox/base:$python"
