"""Where findings are kept: one notebook each, in a folder per repository. Neighbours: `render.notebook`, `journal`.

An archive may lie inside an untrusted repository, so its folders are opened one by one without following links,
and what is loaded from it is checked and cleaned.
"""

import contextlib
import hashlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from debugbox.errors import NoSuchFinding
from debugbox.finding import Finding, Verdict
from debugbox.foreign import clean_line
from debugbox.journal import new_id
from debugbox.passages import hits
from debugbox.render.notebook import MAX_READ_BYTES, from_notebook, to_notebook

SUFFIX = ".ipynb"
_ID = re.compile(r"[0-9]{8}-[0-9a-f]{4,12}")
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_TRIES = 100


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A finding that has been kept: its id may be new. `note` says why it is not where it should be.

    `path` is None when no folder at all could be written: then the finding is only in memory.
    """

    finding: Finding
    path: Path | None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    path: Path
    finding: Finding


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    path: Path
    why: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Findings, newest first, and the notebooks that could not be read."""

    entries: tuple[Entry, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Archive:
    """The findings in `root / inside`. `root` is trusted; no part of `inside` may be a link."""

    root: Path
    inside: tuple[str, ...]

    @classmethod
    def of_user(cls, data_dir: Path, repository: Path) -> Self:
        """The archive of a repository in the user's data directory."""
        name = re.sub(r"[^A-Za-z0-9._-]", "-", repository.name).strip(".-")[:40] or "repository"
        digest = hashlib.sha256(os.fsencode(repository)).hexdigest()[:8]
        return cls(root=data_dir, inside=("findings", f"{name}-{digest}"))

    @classmethod
    def in_repository(cls, repository: Path, folder: Path) -> Self:
        """The archive in a folder of the repository. Raises ValueError for a folder outside it."""
        root = repository.resolve()
        inside = Path(os.path.normpath(root / folder)).relative_to(root).parts
        if not inside or ".git" in inside:
            raise ValueError(f"{folder} is not a folder inside the repository")
        return cls(root=root, inside=inside)

    @property
    def folder(self) -> Path:
        return self.root.joinpath(*self.inside)

    def keep(self, finding: Finding) -> Kept:
        """Write the finding's notebook. Never raises for a disk that is full or a folder that cannot be written.

        Where its id is taken, it gets another one. What cannot be written here goes to a fresh temporary folder.
        """
        try:
            with self._opened(create=True) as folder:
                kept = _write_new(folder, finding)
                return Kept(finding=kept, path=self.folder / f"{kept.id}{SUFFIX}")
        except OSError as err:
            return _keep_elsewhere(finding, f"{self.folder} could not be written ({err.strerror or err})")

    def path_of(self, id_prefix: str) -> Path:
        """The one notebook whose id, or its part after the dash, begins so. Raises NoSuchFinding."""
        names = [name for name in self._names() if _begins(name, id_prefix)]
        if not names:
            raise NoSuchFinding(clean_line(id_prefix), f"none in {self.folder} begins so")
        if len(names) > 1 and f"{id_prefix}{SUFFIX}" not in names:
            ids = ", ".join(name.removesuffix(SUFFIX) for name in sorted(names)[:5])
            raise NoSuchFinding(clean_line(id_prefix), f"{len(names)} begin so: {ids}")
        return self.folder / (f"{id_prefix}{SUFFIX}" if f"{id_prefix}{SUFFIX}" in names else names[0])

    def load(self, id_prefix: str) -> Finding:
        """A finding by its id or the beginning of it. Raises NoSuchFinding, with the reason."""
        path = self.path_of(id_prefix)
        try:
            with self._opened() as folder:
                return _read(folder, path.name)
        except (OSError, ValueError) as err:
            raise NoSuchFinding(path.name, f"the notebook cannot be read: {clean_line(str(err))[:300]}") from err

    def remove(self, id_prefix: str) -> Path:
        """Delete one finding for good; returns where it was. Raises NoSuchFinding, also where it cannot be deleted."""
        path = self.path_of(id_prefix)
        try:
            with self._opened() as folder:
                os.unlink(path.name, dir_fd=folder)
        except OSError as err:
            raise NoSuchFinding(path.name, f"it cannot be deleted: {err.strerror or err}") from err
        return path

    def list_findings(
        self,
        *,
        verdict: Verdict | None = None,
        text: str = "",
        file: str = "",
        newer_than: datetime | None = None,
        newest: int | None = None,
    ) -> Listing:
        """The findings with this verdict, all these words in one passage, this file among the suspects.

        `newest` reads so many only, by the day in their ids.
        """
        entries, unreadable = [], []
        with contextlib.ExitStack() as stack:
            names = self._names()[-newest if newest else 0 :]
            folder = stack.enter_context(self._opened()) if names else -1
            for name in names:
                try:
                    entries.append(Entry(path=self.folder / name, finding=_read(folder, name)))
                except (OSError, ValueError) as err:
                    unreadable.append(Unreadable(path=self.folder / name, why=clean_line(str(err))[:200]))
        found = [entry for entry in entries if _matches(entry.finding, verdict, text, file, newer_than)]
        found.sort(key=lambda entry: entry.finding.created, reverse=True)
        return Listing(entries=tuple(found), unreadable=tuple(unreadable))

    def ids(self) -> list[str]:
        """The ids of all findings, oldest first, unread. Raises NoSuchFinding where the folder cannot be read."""
        return [name.removesuffix(SUFFIX) for name in self._names()]

    def _names(self) -> list[str]:
        """Names of the notebooks; one with nothing in it is just being written by another run."""
        try:
            with self._opened() as folder:
                names = [name for name in os.listdir(folder) if _ID.fullmatch(name.removesuffix(SUFFIX))]  # noqa: PTH208 (a descriptor)
                return sorted(name for name in names if name.endswith(SUFFIX) and _size(folder, name))
        except FileNotFoundError:
            return []
        except OSError as err:
            raise NoSuchFinding("can be read", f"{self.folder}: {err.strerror or err}") from err

    @contextlib.contextmanager
    def _opened(self, *, create: bool = False) -> Iterator[int]:
        """The folder as a descriptor; with `create`, its missing parts are made, 0700."""
        if create:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in self.inside:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=folder)
                below = os.open(part, _OPEN_FOLDER, dir_fd=folder)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)


def _begins(name: str, prefix: str) -> bool:
    id = name.removesuffix(SUFFIX)
    return bool(prefix) and (id.startswith(prefix) or id.partition("-")[2].startswith(prefix))


def _size(folder: int, name: str) -> int:
    return os.stat(name, dir_fd=folder, follow_symlinks=False).st_size


def _matches(finding: Finding, verdict: Verdict | None, text: str, file: str, newer_than: datetime | None) -> bool:
    return (
        verdict in (None, finding.verdict)
        and (not text.strip() or bool(hits(finding, text)))
        and (not file or any(suspect.file == file or suspect.file.endswith(f"/{file}") for suspect in finding.suspects))
        and (newer_than is None or _created(finding) >= newer_than)
    )


def _created(finding: Finding) -> datetime:
    """When it was made; what cannot be read is taken for old."""
    try:
        created = datetime.fromisoformat(finding.created)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return created if created.tzinfo else created.replace(tzinfo=UTC)


def _read(folder: int, name: str) -> Finding:
    """Raises OSError and ValueError."""
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        finding = from_notebook(stream.read(MAX_READ_BYTES + 1))
    if finding.id != name.removesuffix(SUFFIX):
        raise ValueError(f"it holds the finding {finding.id}")
    return finding


def _write_new(folder: int, finding: Finding) -> Finding:
    """Write the notebook under a name nobody else has; returns the finding with the id it got."""
    finding = finding if _ID.fullmatch(finding.id) else replace(finding, id=new_id())
    for _ in range(_TRIES):
        name = f"{finding.id}{SUFFIX}"
        try:
            os.close(os.open(name, _CREATE, 0o600, dir_fd=folder))  # the name is ours from here on
        except FileExistsError:
            finding = replace(finding, id=f"{finding.id.partition('-')[0]}-{secrets.token_hex(3)}")
            continue
        try:
            _replace(folder, name, to_notebook(finding))
        except BaseException:
            os.unlink(name, dir_fd=folder)
            raise
        return finding
    raise FileExistsError(f"no free name in {_TRIES} tries")


def _replace(folder: int, name: str, data: bytes) -> None:
    """Put `data` in the place of `name`, on disk, in one step."""
    part = f".{name}.{secrets.token_hex(4)}.part"
    file = os.open(part, _CREATE, 0o600, dir_fd=folder)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)
        raise
    os.fsync(folder)


def _keep_elsewhere(finding: Finding, why: str) -> Kept:
    try:
        place = Path(tempfile.mkdtemp(prefix="debugbox-"))
        elsewhere = Archive(root=place, inside=())
        with elsewhere._opened() as folder:
            kept = _write_new(folder, finding)
    except OSError as err:
        return Kept(finding=finding, path=None, note=f"{why}, nor could a temporary folder ({err.strerror or err})")
    path = place / f"{kept.id}{SUFFIX}"
    return Kept(finding=kept, path=path, note=f"{why}; the finding is in a temporary folder: move it")
