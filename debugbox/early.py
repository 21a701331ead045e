"""The first box of a run, started while the repository is still read. Used by `investigation`.

Which environment it gets and how large it is follows from the manifests and the listing. It is taken only where the
snapshot says just the same in the end; else it is ended, and nobody has noticed.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from debugbox.box import Box
from debugbox.engines import BoxSize, Engine, Environment
from debugbox.environment import known_environment
from debugbox.errors import BoxGone
from debugbox.listing import Listed
from debugbox.settings import Settings
from debugbox.spare import Spare


class EarlyBox:
    """A context manager: nothing of the box is left behind it unless it was taken."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        self._listed = Listed(root=Path(), files=(), size_bytes=0)
        self._made_for: tuple[str, BoxSize] | None = None
        self._spare = Spare(self._start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spare.close()

    def begin(self, listed: Listed) -> None:
        """Start it, beside whatever the caller does next. Not where a set-up is going to come first."""
        if not self._settings.setup:
            self._listed = listed
            self._spare.prepare()

    def take(self, environment: Environment, size: BoxSize) -> Box | None:
        """The box, if it was started for this environment and with this size. It was told nothing yet."""
        box = self._spare.take()
        if box is not None and self._made_for != (environment.reference, size):
            box.kill()
            return None
        return box

    def _start(self) -> Box:
        """Raises BoxGone: there is no such environment yet."""
        environment = known_environment(self._listed, self._engine, self._settings)
        if environment is None:
            raise BoxGone("its environment is still to be built")
        size = BoxSize.of(self._settings.limits, self._listed.size_bytes, len(self._listed.files))
        self._made_for = (environment.reference, size)
        return Box(self._engine.start(environment, size), self._settings.limits)
