#!/bin/sh
# Install Debian packages into an image: `sh apt_packages.sh PACKAGE...`, as root, in a build's container.
# APT_MIRROR and APT_SECURITY are the machine's own Debian mirrors, where its settings name them; nothing of them is left.
set -eu

command -v apt-get >/dev/null || { echo "the image has no apt-get, so no Debian packages can be installed in it" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive

# A base of sandbox/base.sh names no source.
added=
if ! ls /etc/apt/sources.list /etc/apt/sources.list.d/* >/dev/null 2>&1; then
    . /etc/os-release
    mirror="${APT_MIRROR:-http://deb.debian.org/debian}"
    mkdir -p /etc/apt/sources.list.d
    added=/etc/apt/sources.list.d/debugbox.list
    echo "deb $mirror $VERSION_CODENAME main" >"$added"
    echo "deb $mirror $VERSION_CODENAME-updates main" >>"$added"
    # The base has its updates from there: without it, what depends on their exact versions cannot be installed.
    echo "deb ${APT_SECURITY:-http://deb.debian.org/debian-security} $VERSION_CODENAME-security main" >>"$added"
fi

options="-q -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root"
[ -z "${SSL_CERT_FILE:-}" ] || options="$options -o Acquire::https::CAInfo=$SSL_CERT_FILE"
apt-get $options update
apt-get $options install --yes --no-install-recommends -- "$@"

apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/* $added
find / -xdev -perm /6000 -exec chmod a-s {} +
