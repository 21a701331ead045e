"""Which files of a repository are secrets by name, and which unmistakable shapes are secrets by content.

The promise is "known names and shapes", never "no secrets" (SECURITY.md). Entropy rules are left out
on purpose: they hit data and lock files far more often than keys.
"""

import re
from fnmatch import fnmatch
from pathlib import PurePosixPath

_NAMES = (
    ".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx", "id_rsa", "id_dsa", "id_ecdsa",
    "id_ed25519", ".netrc", ".pypirc", ".npmrc", ".git-credentials", ".htpasswd", "*service-account*.json",
    "*.tfstate", "*.tfstate.*", "secrets.*", "credentials", "credentials.*",
)  # fmt: skip
_HARMLESS = (".env.example", ".env.sample", ".env.template", "secrets.py", "credentials.py")
_FOLDERS = {".aws", ".ssh", ".gnupg", ".kube", ".azure", "gcloud", ".ipynb_checkpoints"}

_SHAPES = (
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]{40,}",
    rb"sk-ant-[A-Za-z0-9_-]{20,}",
    rb"sk-proj-[A-Za-z0-9_-]{20,}",
    rb"gh[pousr]_[A-Za-z0-9]{36,}",
    rb"github_pat_[A-Za-z0-9_]{22,}",
    rb"glpat-[A-Za-z0-9_-]{20,}",
    rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    rb"xox[abpr]-[A-Za-z0-9-]{10,}",
    rb"\bAIza[A-Za-z0-9_-]{35}",
    rb"\bya29\.[A-Za-z0-9_-]{20,}",
    rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    rb"(?<=://)[A-Za-z0-9._-]{2,}:[^\s/@:'\"{}$<>%]{6,}(?=@[A-Za-z0-9.-]+)",
)
_ANY_SHAPE = re.compile(b"|".join(_SHAPES))


def secret_by_name(path: PurePosixPath) -> bool:
    """Whether the name alone says that the file must not leave the machine."""
    if any(part in _FOLDERS for part in path.parts[:-1]):
        return True
    name = path.name.lower()
    if name in _HARMLESS or (path.suffix == ".py" and not name.startswith(".env")):
        return False
    return any(fnmatch(name, pattern) for pattern in _NAMES)


def mask_secrets(content: bytes) -> tuple[bytes, int]:
    """`content` with every known shape overwritten by `*` (same length), and how many there were."""
    return _ANY_SHAPE.subn(lambda match: b"*" * len(match.group()), content)
