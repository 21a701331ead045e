#!/bin/bash
# Build the base image debugbox/base:3.X from Debian packages, for machines without an image registry.
#
#   sandbox/base.sh 3.11        bookworm; 3.13 is trixie. Needs root, mmdebstrap and a Docker engine; half a minute.
#
# Where the machine has its own apt settings (mirrors, proxy, certificates) they are used, and none of them is kept.
set -euo pipefail

python="${1:?usage: base.sh 3.11 | 3.13}"
case "$python" in
    3.11) suite=bookworm ;;
    3.13) suite=trixie ;;
    *) echo "base.sh: Debian has no release with Python $python; choose 3.11 or 3.13" >&2; exit 64 ;;
esac

# repository PATTERN: the address of this machine's own mirror that matches, if its settings name one.
repository() {
    apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | awk -v pattern="$1" '$0 ~ pattern { print; exit }'
}

# Without a mirror of the machine's own, mmdebstrap takes Debian's, updates and security included.
sources=()
mirror=$(repository '/debian/?$')
security=$(repository '/debian-security/?$')
if [ -n "$mirror" ]; then sources+=("deb $mirror $suite main" "deb $mirror $suite-updates main"); fi
if [ -n "$mirror" ] && [ -n "$security" ]; then sources+=("deb $security $suite-security main"); fi
echo "base.sh: debugbox/base:$python from Debian $suite, ${mirror:-its default mirror}" >&2

options=()
for name in Acquire::http::Proxy Acquire::https::Proxy Acquire::Check-Valid-Until; do
    eval "$(apt-config shell value "$name")"
    if [ -n "${value:-}" ]; then options+=(--aptopt="$name \"$value\""); fi
    unset value
done
bundle="${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}"
if [ -f "$bundle" ]; then options+=(--aptopt="Acquire::https::CAInfo \"$bundle\""); fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# python3-venv brings pip for the builder stage.
# Documentation and translations are a third of the size and read by nobody in a box.
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv \
    "${options[@]}" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/* "$1"/var/log/*' \
    --customize-hook='rm -rf "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/etc/apt/apt.conf.d/99mmdebstrap' \
    --customize-hook='rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d' \
    "$suite" "$folder/root.tar" "${sources[@]}"

docker import \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' \
    --change "LABEL io.debugbox.base=$python" \
    "$folder/root.tar" "debugbox/base:$python" >/dev/null
docker image inspect --format "base.sh: {{index .RepoTags 0}} {{.Id}} {{.Size}} bytes" "debugbox/base:$python"
