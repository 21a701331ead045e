"""What only a resumed run needs: the conversation, the code of cells, the ledger. A file beside the journal.

It is the one place on the disk where code of cells stands, readable by its owner only, and it goes with the journal:
when the finding is archived, with `debugbox rm`, or after 30 days. With `--discard-all` it is never written.
"""

import contextlib
import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUFFIX = ".talk"
MAX_BYTES = 100 * 1024**2  # beyond it nothing is written: the run can then be resumed from its journal alone


class Talk:
    """Appends records of one run, each synced to the disk. Trouble with the file never stops the run."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: int | None = None
        self._written = 0
        self._lock = threading.Lock()

    def write(self, op: str, agent: int = 0, **data: Any) -> None:
        """One record: what was done (`op`), by which agent of several."""
        line = json.dumps({"op": op, "agent": agent, **data}).encode() + b"\n"
        with self._lock, contextlib.suppress(OSError):
            if self._path is None or self._written + len(line) > MAX_BYTES:
                self._path = None  # a conversation with a hole in it is of no use
                return
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
                self._file = os.open(self._path, flags, 0o600)
            self._written += os.write(self._file, line)
            os.fsync(self._file)

    def close(self) -> None:
        with self._lock:
            file, self._file, self._path = self._file, None, None
        if file is not None:
            os.close(file)


@dataclass
class Talked:
    """What an interrupted run had said. `pending` was not sent yet, or sent and not answered."""

    prefix: str = ""  # the hash of the system prompt and the tools
    marker: str = ""
    opening: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    last_id: str = ""
    code: dict[int, str] = field(default_factory=dict)
    ledger: dict[str, Any] = field(default_factory=dict)
    agents: set[int] = field(default_factory=set)

    def take(self, record: dict[str, Any]) -> None:
        """Do again what a record says. Raises KeyError, TypeError for one that is none of ours."""
        op = record["op"]
        if op == "code":
            self.code[int(record["cell"])] = str(record["code"])
        elif op == "ledger":
            self.ledger = dict(record["ledger"])
        else:
            self.agents.add(int(record["agent"]))
            self._converse(op, record)

    def _converse(self, op: str, record: dict[str, Any]) -> None:
        if op == "start":
            self.prefix, self.marker, self.opening = record["prefix"], record["marker"], record["opening"]
            self.messages, self.pending, self.last_id = [], [], ""
        elif op == "add":
            self.pending.append(record["block"])
        elif op == "send":
            self.messages.append({"role": "user", "content": self.pending})
            self.pending = []
        elif op == "reply":
            self.messages.append({"role": "assistant", "content": record["content"]})
            self.last_id = record["id"]

    def unsend(self) -> None:
        """What was sent and not answered is to be sent again, together with what comes to it."""
        if self.messages and self.messages[-1]["role"] == "user":
            self.pending = [*self.messages.pop()["content"], *self.pending]


def read_talk(journal: Path) -> Talked | None:
    """What is kept beside this journal; None where there is nothing to be had. A damaged end is left out."""
    talked = Talked()
    try:
        file = os.open(journal.with_suffix(SUFFIX), os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(file, "rb") as stream:
            lines = stream.read(2 * MAX_BYTES).splitlines()
        for line in lines:
            talked.take(json.loads(line))
    except OSError:
        return None
    except (ValueError, KeyError, TypeError):
        pass  # the kill came while this line was written
    talked.unsend()
    return talked
