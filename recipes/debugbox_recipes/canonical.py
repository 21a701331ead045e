"""Values as texts that come out alike in two runs: to compare them, and to put one run's value into the other.

In the program's process. Addresses, the repository's folder and the order of sets do not count. No code of the user's
runs: other objects count by their type and what their `__dict__` holds.
"""

import enum
import hashlib
import re
import sys
import zlib
from typing import Any, Dict, List, Optional, Tuple

_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_LONG = 2000  # characters of a text, beyond which a checksum stands for it
_MOST_PARTS, _DEEPEST = 4000, 6
_MOST_WRITTEN = 4000
_SCALARS = (bool, int, float, complex, str, bytes, type(None))
_CONTAINERS = (list, tuple, dict, set, frozenset)
_VALUES = ("decimal", "fractions", "datetime", "_pydatetime", "pathlib", "pathlib._local", "uuid")
_known: Dict[Tuple[type, Any], int] = {}


class _Writer:
    def __init__(self, folder: str) -> None:
        self.folder, self.parts = folder, 0

    def of(self, value: Any, depth: int) -> str:
        self.parts += 1
        kind = type(value)
        if kind is str:
            return self._of_text(value)
        if kind in _SCALARS:
            return repr(value) if kind is not bytes else self._of_text(repr(value))
        if depth > _DEEPEST or self.parts > _MOST_PARTS:
            return kind.__qualname__
        if isinstance(value, _CONTAINERS):
            return f"{kind.__qualname__}{self._of_container(value, depth)}"
        if isinstance(value, enum.Enum) or kind.__module__ in _VALUES:
            return f"{kind.__qualname__}.{value.name if isinstance(value, enum.Enum) else value!r}"
        if kind.__module__.partition(".")[0] == "numpy" and hasattr(value, "tobytes"):
            return f"{value.dtype}{value.shape}{zlib.crc32(value.tobytes())}"
        return f"{kind.__qualname__}{self._of_object(value, depth)}"

    def _of_text(self, text: str) -> str:
        if len(text) > _LONG:
            return f"{len(text)}:{zlib.crc32(text.encode('utf-8', 'replace'))}"
        if self.folder and self.folder in text:
            text = text.replace(self.folder, ".")
        return repr(_ADDRESS.sub("0x", text) if "0x" in text else text)

    def _of_container(self, value: Any, depth: int) -> str:
        if isinstance(value, dict):
            return ",".join(f"{self.of(k, depth + 1)}:{self.of(v, depth + 1)}" for k, v in dict.items(value))
        said = [self.of(each, depth + 1) for each in list(_entries(value))]
        return f"{len(said)}[{','.join(sorted(said) if isinstance(value, (set, frozenset)) else said)}]"

    def _of_object(self, value: Any, depth: int) -> str:
        if isinstance(value, type) or hasattr(value, "__code__"):
            return str(value.__qualname__)
        held = getattr(value, "__dict__", None)
        if isinstance(value, BaseException):
            return self.of(list(value.args), depth + 1)
        return self._of_container(held, depth + 2) if type(held) is dict else ""


def _entries(value: Any) -> Any:
    bases: Tuple[Any, ...] = (list, tuple, set, frozenset)
    for base in bases:
        if isinstance(value, base):
            return base.__iter__(value)  # not the subclass's own
    return ()


def digest(value: Any, folder: str) -> int:
    """64 bits that are equal for equal values."""
    key = (
        (type(value), value)
        if type(value) in (int, str, bool) and (type(value) is not str or len(value) < 60)
        else None
    )
    if key is not None and key in _known:
        return _known[key]
    said = hashlib.blake2b(_Writer(folder).of(value, 0).encode("utf-8", "replace"), digest_size=8).digest()
    number = int.from_bytes(said, "little", signed=True)
    if key is not None and len(_known) < 100_000:
        _known[key] = number
    return number


def written(value: Any, folder: str) -> Optional[str]:
    """The value as `read` takes it; None where it is not made of plain values only, or too long."""
    if not _is_plain(value, [0]):
        return None
    text = _numpy_text(value) or repr(value)
    try:
        same = len(text) <= _MOST_WRITTEN and digest(read(text), folder) == digest(value, folder)
    except Exception:  # noqa: BLE001  # a text that does not read back, whatever is wrong with it
        return None
    return text if same else None


def shown(value: Any) -> str:
    """A few words for a person."""
    plain = _is_plain(value, [0])
    text = repr(value) if plain else f"a {type(value).__qualname__}"
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text)} characters)"


def read(text: str) -> Any:
    """The value that `written` gave; a new object each time."""
    return eval(text, {"__builtins__": {}}, _names())  # our own text, with nothing but constructors


def _names() -> Dict[str, Any]:
    import datetime
    import decimal
    import fractions
    import pathlib
    import uuid

    names: Dict[str, Any] = {"inf": float("inf"), "nan": float("nan"), "set": set, "frozenset": frozenset}
    names.update(datetime=datetime, Decimal=decimal.Decimal, Fraction=fractions.Fraction, UUID=uuid.UUID)
    names.update({each.__name__: each for each in (pathlib.PurePosixPath, pathlib.PosixPath)})
    if "numpy" in sys.modules:
        names["numpy"] = sys.modules["numpy"]
    return names


def _numpy_text(value: Any) -> str:
    if type(value).__module__ != "numpy":
        return ""
    if hasattr(value, "tolist") and getattr(value, "shape", None) != ():
        return f"numpy.array({value.tolist()!r}, dtype={str(value.dtype)!r})"
    return f"numpy.{type(value).__name__}({value.item()!r})"


def _is_plain(value: Any, seen: List[int]) -> bool:
    seen[0] += 1
    if seen[0] > _MOST_PARTS:
        return False
    if type(value) in _CONTAINERS:
        parts = [*value.keys(), *value.values()] if type(value) is dict else list(value)
        return len(parts) <= _MOST_PARTS and all(_is_plain(each, seen) for each in parts)
    if type(value).__module__ == "numpy":
        return hasattr(value, "tobytes") and value.dtype.kind in "biuf" and value.size <= 200
    return type(value) in _SCALARS or type(value).__module__ in _VALUES
