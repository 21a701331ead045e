"""What an embedded box sees and may: arguments of `bwrap`. Read by `bubblewrap.py`.

The same walls as a container's (docker_settings.py) as far as namespaces give them; the second seccomp filter, which
the supervisor installs, is the only one here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from debugbox.boxfiles import SANDBOX
from debugbox.engines import BoxSize
from debugbox.engines.network import ca_bundle, network_variables

UID = "10001"
MIB = 1 << 20


def namespaces() -> list[str]:
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--assert-userns-disabled"),
        *("--as-pid-1", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"),
        *("--uid", UID, "--gid", UID, "--hostname", "box"),
    ]


def system() -> list[str]:
    """/usr and the few files of /etc that programs need, all read-only; ours instead of the host's where it tells."""
    arguments = ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for name in ("bin", "sbin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            arguments += ["--symlink", f"usr/{name}", f"/{name}"]
        else:
            arguments += ["--ro-bind-try", f"/{name}", f"/{name}"]
    for name in ("passwd", "group", "hosts"):
        arguments += ["--ro-bind", str(SANDBOX / "etc" / name), f"/etc/{name}"]
    for name in ("ld.so.cache", "alternatives"):
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return arguments


def tmpfs(size: BoxSize) -> list[str]:
    sizes = {
        "/tmp": 512 * MIB,
        "/srv": 2 * size.snapshot_bytes + 256 * MIB,
        "/home/box": 64 * MIB,
        "/run/box": 4 * MIB,
    }
    arguments = ["--ro-bind", str(SANDBOX / "etc" / "resolv.conf"), "/etc/resolv.conf"]
    for folder, count in sizes.items():
        arguments += ["--size", str(count), "--tmpfs", folder]
    return arguments


def network_files() -> list[str]:
    arguments = ["--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"]
    if bundle := ca_bundle():
        arguments += ["--ro-bind", str(bundle), "/etc/host-ca.pem", "--setenv", "SSL_CERT_FILE", "/etc/host-ca.pem"]
    return arguments


@contextmanager
def network_arguments() -> Iterator[int]:
    """A descriptor for `--args`: proxies and indexes may have passwords, and everybody can read a command line."""
    words = [word for pair in network_variables().items() for word in ("--setenv", *pair)]
    with open(os.memfd_create("debugbox"), "wb+", buffering=0) as file:  # noqa: PTH123 (a descriptor)
        file.write(b"".join(os.fsencode(word) + b"\0" for word in words))
        file.seek(0)
        yield file.fileno()
