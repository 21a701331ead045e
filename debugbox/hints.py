"""Why a cell failed, where the reason lies in the box and not in the code: no network, a file left out, a limit.

Used by `box`, which adds the hints to the cell as text outputs named `hint`. What the box says is only matched,
never followed: a path is looked for by name, inside the repository and nowhere else.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from debugbox.finding import Output
from debugbox.snapshot import Snapshot

REPOSITORY = PurePosixPath("/srv/repo")
MAX_HINTS = 5
_READ_CHARS = 200_000  # of a cell's text, from its end: where failures are

_NETWORK = re.compile(
    r"Network is unreachable|Temporary failure in name resolution|Name or service not known|No address associated"
    r"|getaddrinfo failed|Could not resolve host|Max retries exceeded with url|NameResolutionError"
    r"|Failed to establish a new connection|Could not contact DNS servers"
)
_REFUSED = re.compile(r"ConnectionRefusedError|Connection refused")
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_NO_FILE = re.compile(
    r"(?:No such file or directory|can't open file|[Ff]ile not found|does not exist|[Cc]annot find the file|not found)"
    r"[^\n'\"]{0,40}?['\"]([^'\"\n]{1,400})['\"]"
    r"|FileNotFoundError: ['\"]?([^\s'\"\n]{1,400}?)['\"]? (?:not found|does not exist)"
)
_READ_ONLY = re.compile(r"Read-only file system:? ?'?([^'\n]{0,200})")
_FULL = re.compile(r"No space left on device")
_MEMORY = re.compile(r"^(?:numpy\.)?(?:_core\._exceptions\._Array)?MemoryError\b", re.MULTILINE)
_PROCESSES = re.compile(r"can't start new thread|BlockingIOError: .*Resource temporarily unavailable|fork: retry")
_NO_INPUT = re.compile(r"^StdinNotImplementedError\b|^EOFError: EOF when reading a line", re.MULTILINE)
_VARIABLE = re.compile(r"(?:<frozen os>|/os\.py), line \d+, in __getitem__[^\0]*^KeyError: '(\w+)'", re.MULTILINE)

_PLOTLY = re.compile(r"Mime type rendering requires nbformat")

# Import name -> package, where they differ and people meet them often.
_PACKAGES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "jwt": "pyjwt",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "usb": "pyusb",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}


def hints_for(outputs: Sequence[Output], snapshot: Snapshot, *, failed: bool, oom_kills: int) -> list[Output]:
    """The hints of one cell. `failed`: it raised; else only commands that it ran are looked at."""
    text = "\n".join(_texts(outputs, failed))[-_READ_CHARS:]
    words = list(dict.fromkeys(_hints(text, snapshot, oom_kills)))[:MAX_HINTS]
    return [Output(kind="text", name="hint", text=hint) for hint in words]


def _texts(outputs: Sequence[Output], failed: bool) -> Iterator[str]:
    """Where a failure speaks: errors, what a failing cell or command printed."""
    for output in outputs:
        if output.kind == "error" or (failed and output.kind == "text"):
            yield output.text
        elif output.kind == "record" and output.data.get("exit_code"):
            yield str(output.data.get("stderr", ""))


def _hints(text: str, snapshot: Snapshot, oom_kills: int) -> Iterator[str]:
    if oom_kills:
        yield f"The box's memory limit ended {oom_kills} process(es) of this cell. Raise it with --memory."
    if _NETWORK.search(text):
        yield (
            "There is no network in the box, by design. Data: put it into the repository (or name an ignored file "
            "with --include PATH). Packages: --with PKG installs them before the box is closed."
        )
    elif _REFUSED.search(text):
        yield (
            "The box has its own loopback: a database or server of your machine cannot be reached from it. "
            "Start what is needed inside the box, or replace it by a file in the repository."
        )
    yield from _about_modules(_NO_MODULE.findall(text), snapshot)
    yield from _about_files(("".join(groups) for groups in _NO_FILE.findall(text)), snapshot)
    yield from _about_limits(text)


def _about_limits(text: str) -> Iterator[str]:
    if found := _READ_ONLY.search(text):
        yield f"Only /srv/repo, /srv/out, /tmp and the home folder can be written in the box ({found[1].strip()})."
    if _FULL.search(text):
        yield (
            "A folder of the box is full: /tmp holds 512 MiB, the home folder 64 MiB, /srv the snapshot twice and "
            "256 MiB. They are the box's own memory (--memory)."
        )
    if _MEMORY.search(text):
        yield "The box's memory limit was in the way. Raise it with --memory, or take a part of the data."
    if _PROCESSES.search(text):
        yield "The box's limit of processes and threads was in the way. Raise it with --pids, or use fewer workers."
    if _NO_INPUT.search(text):
        yield "Nobody can answer a prompt in the box: pass the answer as an argument, or feed it to box.run with `<`."
    if _PLOTLY.search(text):
        yield "The picture of a plotly figure needs a browser: display(fig) tells what it shows, matplotlib draws it."
    if found := _VARIABLE.search(text):
        yield (
            f"None of your environment variables is in the box, {found[1]} neither: secrets stay outside. "
            f"Set a harmless value in the cell, or box.run(..., env={{...}}); --env {found[1]} lets yours in."
        )


def _about_modules(names: Iterable[str], snapshot: Snapshot) -> Iterator[str]:
    for name in dict.fromkeys(name.partition(".")[0] for name in names):
        own = next(filter(None, (_left_out(form, snapshot) for form in (f"{name}.py", name))), None)
        package = _PACKAGES.get(name, name.replace("_", "-"))
        yield own or (
            f"The environment has no module {name}. Install it with --with {package}, "
            "or name it in the repository's requirements.txt or pyproject.toml."
        )


def _about_files(paths: Iterable[str], snapshot: Snapshot) -> Iterator[str]:
    for path in dict.fromkeys(paths):
        inside = _in_repository(path, snapshot.root)
        if inside is None:
            yield f"{path} is not in the box: it sees the snapshot of the repository, and nothing else of your machine."
        elif hint := _left_out(inside, snapshot):
            yield hint


def _in_repository(path: str, root: Path) -> str | None:
    """`path`, as code named it, relative to the repository; None where it lies outside."""
    for base in (str(REPOSITORY), str(root)):
        if path == base or path.startswith(base + "/"):
            path = path[len(base) + 1 :]
    normal = os.path.normpath(path)
    return None if normal.startswith(("/", "..")) else normal


def _left_out(path: str, snapshot: Snapshot) -> str | None:
    """Why a file or folder of the repository is not in the snapshot; None where it is, or where it never was."""
    above = [path, *map(str, PurePosixPath(path).parents)]
    for skipped in snapshot.skipped:
        if skipped.path in above or skipped.path.startswith(path + "/"):
            advice = _option(skipped.path, skipped.reason)
            return f"{skipped.path} was left out of the snapshot: {skipped.reason}. {advice}"
    known = path in snapshot.files or any(file.startswith(path + "/") for file in snapshot.files)
    if known or not os.path.lexists(snapshot.root / path):
        return None
    return (
        f"{path} exists in the repository, but git ignores it, so the snapshot does not have it. "
        f"Take it in with --include {path}."
    )


def _option(path: str, reason: str) -> str:
    if "secret" in reason:
        return "The box gets no secrets: put a harmless stand-in under another name."
    if "excluded" in reason:
        return "Leave out the --exclude that names it."
    if "link" in reason:
        return "Put the file itself into the repository."
    if reason.startswith("over "):
        return "Put a smaller part of it into the repository."
    return f"Take it in with --include {path}."
