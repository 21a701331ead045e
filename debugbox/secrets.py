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

# A literal that each shape holds, and the shape: the literal is looked for first, a hundred times faster.
_SHAPES = [
    (literal, re.compile(shape))
    for literal, shape in (
        (b"PRIVATE KEY-----", rb"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]{40,}"),
        (b"sk-ant-", rb"sk-ant-[A-Za-z0-9_-]{20,}"),
        (b"sk-proj-", rb"sk-proj-[A-Za-z0-9_-]{20,}"),
        *((b"gh%c_" % kind, rb"\bgh%c_[A-Za-z0-9]{36,}" % kind) for kind in b"pousr"),
        (b"github_pat_", rb"github_pat_[A-Za-z0-9_]{22,}"),
        (b"glpat-", rb"glpat-[A-Za-z0-9_-]{20,}"),
        (b"AKIA", rb"\bAKIA[A-Z0-9]{16}\b"),
        (b"ASIA", rb"\bASIA[A-Z0-9]{16}\b"),
        (b"xox", rb"xox[abpr]-[A-Za-z0-9-]{10,}"),
        (b"AIza", rb"\bAIza[A-Za-z0-9_-]{35}"),
        (b"ya29.", rb"\bya29\.[A-Za-z0-9_-]{20,}"),
        (b"eyJ", rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
        # No look-behind: a shape that begins with its literal is looked for ten times faster.
        (b"://", rb"://[A-Za-z0-9._-]{2,64}:[^\s/@:'\"{}$<>%]{6,256}(?=@[A-Za-z0-9.-]+)"),
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
    for literal, shape in _SHAPES:
        if literal in content:
            content, found = shape.subn(_masked, content)
            count += found
    return content, count


def _masked(match: re.Match[bytes]) -> bytes:
    kept = b"://" if match.group().startswith(b"://") else b""
    return kept + b"*" * (len(match.group()) - len(kept))
