"""What a build needs of the host's network set-up: its CA bundle and its proxy and index variables.

Used while an environment is built, and never left in it: many networks re-sign TLS.
"""

import os
import re
import subprocess
from pathlib import Path

_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_INDEXES = ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_FIND_LINKS")
_CREDENTIALS = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)")


def ca_bundle() -> Path | None:
    """The host's bundle of trusted authorities, or None where it keeps none in a known place."""
    named = [Path(os.environ[name]) for name in _BUNDLES if os.environ.get(name)]
    return next((path for path in [*named, _SYSTEM_BUNDLE] if path.is_file()), None)


def proxy_variables() -> dict[str, str]:
    """The proxy variables as they are set, in both spellings programs look for."""
    set_here = {name: os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES}
    return {spelling: value for name, value in set_here.items() if value for spelling in (name, name.upper())}


def network_variables() -> dict[str, str]:
    """Proxy and package index variables for a build, passwords included: see where they go."""
    indexes = [name for name in os.environ if name in _INDEXES or _CREDENTIALS.fullmatch(name)]
    return proxy_variables() | {name: os.environ[name] for name in indexes if os.environ[name]}


def debian_mirrors() -> dict[str, str]:
    """The Debian mirrors that this machine's own settings name, as sandbox/apt_packages.sh wants them."""
    try:
        command = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
        listed = subprocess.run(command, capture_output=True, text=True).stdout.split()
    except OSError:  # not Debian
        return {}
    endings = {"APT_MIRROR": "/debian", "APT_SECURITY": "/debian-security"}
    found = {name: [each for each in listed if each.rstrip("/").endswith(end)] for name, end in endings.items()}
    return {name: addresses[0] for name, addresses in found.items() if addresses}
