"""debugbox from Python: the same as the command line, without a terminal. Documented in docs/findings.md.

import debugbox
finding = debugbox.investigate("why does the mean drift", run="python run.py")
print(finding.verdict, finding.suspects[0])
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from debugbox.archive import Archive, Kept
from debugbox.choose import choose_engine, choose_model
from debugbox.finding import Cell, Finding
from debugbox.following import Followed
from debugbox.investigation import archive_of
from debugbox.investigation import investigate as _investigate
from debugbox.render.lane import NamedLane
from debugbox.settings import Settings, resolve_settings
from debugbox.verification import Verification, open_tree
from debugbox.verification import verify as _verify

Progress = Callable[[str], None]


def investigate(
    question: str,
    *,
    repository: Path | str = ".",
    run: str | None = None,
    follows: Finding | None = None,
    on_progress: Progress = lambda _: None,
    **options: Any,
) -> Finding:
    """Answer one question about a repository. The finding is archived as the command line does it.

    `run` is a command that shows the symptom, `follows` a finding that the question starts from. `on_progress` gets
    a line for each step, from this thread or another.
    `options` are the settings and limits of the command line, by their names in `debugbox.settings`: `engine`,
    `use_model`, `model`, `recipe`, `max_time_s`, `max_cost_usd`, `memory_bytes`, … Every verdict is a return value.

    Raises:
        debugbox.DebugboxError: nothing could be investigated (no engine, no such folder, a wrong option, …).
    """
    settings = _settings(repository, {"run": run, **options})
    return keep_investigated(question, settings, on_progress, follows).finding


def keep_investigated(question: str, settings: Settings, on_progress: Progress, follows: Finding | None = None) -> Kept:
    """The same, with where the finding's notebook is."""
    view = Told(on_progress)
    model = choose_model(settings, view.note)
    engine = choose_engine(settings, view.note)
    followed = Followed(finding=follows) if follows else None
    return _investigate(question, settings, engine=engine, model=model, view=view, follows=followed)


def verify(
    finding: Finding,
    *,
    repository: Path | str = ".",
    revision: str | None = None,
    on_progress: Progress = lambda _: None,
    **options: Any,
) -> Verification:
    """Whether a kept finding is still so, on the working tree or on a revision: `present`, `gone` or `cannot run`.

    Raises:
        debugbox.DebugboxError: no engine, no such revision.
    """
    settings = _settings(repository, options)
    engine = choose_engine(settings, on_progress)
    with open_tree(settings, engine, on_progress, revision) as tree:
        return _verify(finding, tree, engine, settings)


def findings(repository: Path | str = ".") -> Archive:
    """The findings of a repository: `.list_findings()`, `.load(id)`."""
    return archive_of(_settings(repository, {}))


def _settings(repository: Path | str, options: dict[str, Any]) -> Settings:
    given = {name: value for name, value in options.items() if value is not None}
    return resolve_settings(given, Path(repository).resolve())


class Told:
    """A view for a caller that is no terminal: each line goes to one function; nobody can be asked."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell

    @contextmanager
    def step(self, name: str, detail: str = "") -> Iterator["_ToldStep"]:
        self._tell(f"{name}: {detail}" if detail else name)
        yield _ToldStep(name, self._tell)

    @contextmanager
    def lane(self, name: str, detail: str = "") -> Iterator[NamedLane]:
        """One agent of several."""
        with self.step(name, detail):
            yield NamedLane(self, name)

    def activity(self, text: str) -> None:
        self._tell(text)

    def note(self, text: str) -> None:
        self._tell(text)

    def cell(self, cell: Cell) -> None:
        self._tell(f"cell {cell.id} ({cell.status}): {cell.purpose}")

    def on_event(self, name: str, /, **data: Any) -> None:
        if name == "usage":
            self._tell(str(data["line"]))

    def ask(self) -> str | None:
        return None


class _ToldStep:
    def __init__(self, name: str, tell: Progress) -> None:
        self._name, self._tell = name, tell

    def update(self, text: str) -> None:
        self._tell(f"{self._name}: {text}")

    def result(self, text: str) -> None:
        self._tell(f"{self._name}: {text}")


class NewestLine:
    """Takes lines from any thread; `get` gives the newest and how many there were. For who asks now and then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line, self._count = "", 0

    def __call__(self, line: str) -> None:
        with self._lock:
            self._line, self._count = line, self._count + 1

    def get(self) -> tuple[int, str]:
        with self._lock:
            return self._count, self._line
