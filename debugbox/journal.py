"""The append-only log of a running investigation, so that nothing is lost on a kill.

One file per run, one JSON record a line, synced to disk after each step. The code of cells is never written here,
nor what quotes it: that is in `talk`, a file beside it. Neighbours: `investigation` writes, `debugbox list` and
`show` read, through `journalfile`.
"""

import contextlib
import fcntl
import json
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from debugbox.finding import Cell, Check, Conclusion, Cost, Finding, Symptom, to_plain
from debugbox.foreign import cleaned
from debugbox.journalfile import Records
from debugbox.journalfile import read as read
from debugbox.kept import discarded_code, evidence_of, kept_cell, without_picture
from debugbox.talk import SUFFIX, Talk

KEPT_DAYS = 30  # an interrupted run that nobody wanted by then is deleted
MAX_BYTES = 100 * 1024**2  # beyond it pictures are left out; text has its own limits in the box


def new_id(now: datetime | None = None) -> str:
    """A short id that sorts by day and can be completed: `20261121-7f3a09`."""
    return f"{now or datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)}"


class Journal:
    """The log of one run. It is locked while its owner lives, so a killed run can be told from a running one.

    A journal that cannot be written does not stop the investigation: `trouble` says why, and the run goes on.
    """

    def __init__(self, id: str, path: Path, file: int | None, trouble: str = "") -> None:
        self.id = id
        self.path = path
        self.trouble = trouble
        self.cells: tuple[Cell, ...] = ()
        self.talk = Talk(None)
        self._file = file
        self._written = 0
        self._lock = threading.RLock()  # agents side by side write into one journal

    @classmethod
    @contextlib.contextmanager
    def open(
        cls,
        state_dir: Path,
        *,
        question: str,
        run: str | None,
        repository: Path,
        provenance: dict[str, Any],
        now: datetime | None = None,
        resumable: bool = False,
    ) -> Iterator[Self]:
        """A journal at `state_dir/journals/ID.jsonl`. It stays unless `finished` is called, or nothing was done.

        `resumable`: what a resumed run needs is kept beside it, the code of cells included.
        """
        created = now or datetime.now(UTC)
        journal = cls._create(state_dir / "journals", created)
        if resumable:
            journal.talk = Talk(journal.path.with_suffix(SUFFIX))
        try:
            header = {"question": question, "run": run, "repository": str(repository), "provenance": provenance}
            journal._write("header", {"id": journal.id, "created": created.isoformat(), **header, "pid": os.getpid()})
            yield journal
        finally:
            journal._close()
            if not journal.cells:  # nothing was learnt that could be lost
                journal.finished()

    @classmethod
    def _create(cls, folder: Path, now: datetime) -> Self:
        id = new_id(now)
        path = folder / f"{id}.jsonl"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        except OSError as err:
            return cls(id, path, None, f"no journal is kept, a killed run would be lost: {err}")
        fcntl.flock(file, fcntl.LOCK_EX)  # the kernel lets go of it when we are killed
        return cls(id, path, file)

    def cell(self, cell: Cell) -> Cell:
        """Log a cell that has ended. Returns it as kept: without pictures once the journal is full."""
        kept = kept_cell(cell)
        pictures = sum(len(output.png) for output in kept.outputs)
        with self._lock:
            if self._written + pictures * 4 // 3 > MAX_BYTES:
                why = f"the journal has reached {MAX_BYTES // 1024**2} MiB"
                kept = replace(kept, outputs=tuple(without_picture(output, why) for output in kept.outputs))
            self.cells = (*self.cells, kept)
            self._write("cell", to_plain(kept))
        return kept

    def note(self, text: str) -> None:
        self._write("note", text)

    def usage(self, cost: Cost) -> None:
        """What the run has cost so far; the last record counts."""
        self._write("usage", to_plain(cost))

    def conclusion(self, conclusion: Conclusion) -> None:
        """Log what was concluded, without the symptom's code: with `--discard-all` it may not stay either."""
        bare = replace(conclusion.symptom, code="")
        self._write("conclusion", to_plain(cleaned(replace(conclusion, symptom=bare))))

    def check(self, check: Check) -> None:
        self._write("check", to_plain(cleaned(check)))

    def provenance(self, provenance: dict[str, Any]) -> None:
        """What was learnt about the run after the header was written; later keys win."""
        self._write("provenance", provenance)

    def finished(self) -> None:
        """The finding is archived: the journal is not needed any more."""
        self._close()
        with contextlib.suppress(OSError):  # it is listed as interrupted then, which loses nothing
            _delete(self.path)

    def _write(self, kind: str, value: Any) -> None:
        line = json.dumps({"kind": kind, "value": cleaned(value)}, default=str).encode() + b"\n"
        with self._lock:
            if self._file is None:
                return
            try:
                _write_all(self._file, line)
                os.fsync(self._file)
            except OSError as err:
                self.trouble = f"the journal ends early, a killed run would lose what follows: {err}"
                self._close()
            self._written += len(line)

    def _close(self) -> None:
        self.talk.close()
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """A run that ended without a finding, and what is left of it."""

    id: str
    path: Path
    question: str
    repository: str
    created: str
    age_s: float
    records: Records

    @property
    def cells(self) -> int:
        return len(self.records.cells)

    def finding(self) -> Finding:
        """An inconclusive finding of what there is: every cell's outputs as evidence."""
        records = self.records
        concluded = records.conclusion or Conclusion(answer="", by="interrupted")
        return cleaned(
            Finding(
                id=self.id,
                created=self.created,
                question=self.question,
                run=run if isinstance(run := records.header.get("run"), str) else None,
                verdict="inconclusive",
                answer=_answer(records),
                suspects=concluded.suspects,
                symptom=Symptom(metric=concluded.symptom.metric, unit=concluded.symptom.unit),
                checks=records.checks,
                evidence=tuple(
                    evidence_of(cell, concluded.captions.get(cell.id, cell.purpose)) for cell in records.cells
                ),
                hypotheses=concluded.hypotheses,
                intervention=concluded.intervention,
                limits=(*concluded.limits, "The run was interrupted; this was put together from its journal."),
                by=concluded.by,
                provenance=records.header["provenance"],
                cost=replace(records.cost, cells=len(records.cells)),
                discarded=discarded_code(records.cells),
            )
        )

    def discard(self) -> None:
        """Delete the journal, once its finding is archived or nobody wants it."""
        _delete(self.path)


def _answer(records: Records) -> str:
    """In words what is known; the last notes as a list."""
    parts = ["The run was interrupted before it came to a checked answer."]
    if records.conclusion and records.conclusion.answer:
        parts.append(f"Concluded, but not checked to the end: {records.conclusion.answer}")
    count = len(records.cells)
    parts.append(
        "1 cell had run; its outputs are below." if count == 1 else f"{count} cells had run; their outputs are below."
    )
    notes = "\n".join(f"- {' '.join(note.split())[:300]}" for note in records.notes[-5:])
    return "\n\n".join([*parts, notes] if notes else parts)


def interrupted(state_dir: Path, *, now: datetime | None = None) -> list[Interrupted]:
    """The runs that were killed, newest first. Running ones, and files that are no journals, are left out."""
    return _runs(state_dir, now, owned=False)


def running(state_dir: Path, *, now: datetime | None = None) -> list[Interrupted]:
    """The runs that are going on at this moment, as far as they have come, newest first."""
    return _runs(state_dir, now, owned=True)


def _runs(state_dir: Path, now: datetime | None, *, owned: bool) -> list[Interrupted]:
    found = []
    for path in sorted((state_dir / "journals").glob("*.jsonl"), reverse=True):
        try:
            if _is_owned(path) is owned:
                found.append(_interrupted(path, read(path), now or datetime.now(UTC)))
        except (OSError, ValueError):  # just deleted by its owner, or not a journal
            continue
    return found


def drop_old(state_dir: Path, *, now: datetime | None = None) -> list[str]:
    """Delete what is left of runs that were interrupted more than `KEPT_DAYS` ago; returns their ids."""
    before_s = (now or datetime.now(UTC)).timestamp() - KEPT_DAYS * 86400
    dropped = []
    for path in (state_dir / "journals").glob("*.jsonl"):
        with contextlib.suppress(OSError):  # just deleted by another run
            if path.stat().st_mtime < before_s and not _is_owned(path):
                _delete(path)
                dropped.append(path.stem)
    return dropped


def _delete(journal: Path) -> None:
    """The journal and what lies beside it; that first, so that nothing of it is left without its journal."""
    for path in (journal.with_suffix(SUFFIX), journal):
        path.unlink(missing_ok=True)


def _is_owned(path: Path) -> bool:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _interrupted(path: Path, records: Records, now: datetime) -> Interrupted:
    header = records.header
    created = datetime.fromisoformat(str(header["created"]))
    return Interrupted(
        id=path.stem,
        path=path,
        question=str(header.get("question", "")),
        repository=str(header.get("repository", "")),
        created=created.isoformat(),
        age_s=(now - created).total_seconds(),
        records=records,
    )
