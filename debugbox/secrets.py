"""Which files of a repository are secrets by name, and which unmistakable shapes are secrets by content.

The promise is "known names and shapes", never "no secrets" (SECURITY.md). Entropy rules are left out
on purpose: they hit data and lock files far more often than keys.
"""

import re
from fnmatch import translate

_NAMES = (
    ".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx", "id_rsa", "id_dsa", "id_ecdsa",
    "id_ed25519", ".netrc", ".pypirc", ".npmrc", ".git-credentials", ".htpasswd", "*service-account*.json",
    "*.tfstate", "*.tfstate.*", "secrets.*", "credentials", "credentials.*",
)  # fmt: skip
_ANY_NAME = re.compile("|".join(map(translate, _NAMES)))
_HARMLESS = (".env.example", ".env.sample", ".env.template", "secrets.py", "credentials.py")
_FOLDERS = {".aws", ".ssh", ".gnupg", ".kube", ".azure", "gcloud", ".ipynb_checkpoints"}

# Each shape begins with letters of its own, which `re` looks for many times faster than for anything else; what must
# not stand before them is therefore asked behind them.
_SHAPES = [
    re.compile(shape)
    for shape in (
        rb"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]{40,}",
        rb"sk-(?:ant|proj)-[A-Za-z0-9_-]{20,}",
        rb"gh(?<!\wgh)[pousr]_[A-Za-z0-9]{36,}",
        rb"github_pat_[A-Za-z0-9_]{22,}",
        rb"glpat-[A-Za-z0-9_-]{20,}",
        rb"A(?<!\wA)(?:(?:KIA|SIA)[A-Z0-9]{16}\b|Iza[A-Za-z0-9_-]{35})",
        rb"xox[abpr]-[A-Za-z0-9-]{10,}",
        rb"ya29\.(?<!\wya29\.)[A-Za-z0-9_-]{20,}",
        rb"eyJ(?<!\weyJ)[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
        rb"://[A-Za-z0-9._-]{2,64}:[^\s/@:'\"{}$<>%]{6,256}(?=@[A-Za-z0-9.-]+)",
    )
]
_SNIFFED_BYTES = 8192


def secret_by_name(path: str) -> bool:
    """Whether the name alone says that the file must not leave the machine. `path` is relative, with slashes."""
    *folders, name = path.split("/")
    if not _FOLDERS.isdisjoint(folders):
        return True
    name = name.lower()
    if name in _HARMLESS or (name.endswith(".py") and not name.startswith(".env")):
        return False
    return _ANY_NAME.fullmatch(name) is not None


def mask_secrets(content: bytes) -> tuple[bytes, int]:
    """`content` with every known shape overwritten by `*` (same length), and how many there were.

    Binary content (a NUL byte near its start) is left as it is: a mask would break it, and keys stand in text.
    """
    if b"\0" in content[:_SNIFFED_BYTES]:
        return content, 0
    count = 0
    for shape in _SHAPES:
        if shape.search(content):
            content, found = shape.subn(_masked, content)
            count += found
    return content, count


def _masked(match: re.Match[bytes]) -> bytes:
    kept = b"://" if match.group().startswith(b"://") else b""
    return kept + b"*" * (len(match.group()) - len(kept))
