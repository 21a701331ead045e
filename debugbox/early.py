"""The first box of a run, started while the repository is still read. Used by `investigation`.

Which environment it gets, how large it is and what it is told follows from the manifests and the listing. It is taken
only where the snapshot says just the same in the end; else it is ended, and nobody has noticed.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from debugbox.box import Box, BoxContext, begin
from debugbox.engines import BoxSize, Engine, Environment
from debugbox.environment import import_roots, known_environment
from debugbox.errors import BoxGone
from debugbox.listing import Listed
from debugbox.settings import Settings
from debugbox.spare import Spare


@dataclass(frozen=True)
class _Plan:
    """What a box is started with."""

    environment: Environment
    size: BoxSize
    context: BoxContext

    def is_for(self, environment: Environment, size: BoxSize, context: BoxContext) -> bool:
        here = self.environment
        alike = here.reference == environment.reference and here.variables == environment.variables
        return alike and (self.size, self.context) == (size, context)


class EarlyBox:
    """A context manager: nothing of the box is left behind it unless it was taken."""

    def __init__(self, engine: Engine, settings: Settings, question: str) -> None:
        self._engine, self._settings, self._question = engine, settings, question
        self._listed: Listed | None = None
        self._plan: _Plan | None = None
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

    def take(self, environment: Environment, size: BoxSize, context: BoxContext) -> Box | None:
        """The box, waited for, if it was started with just these. It is greeted, and empty."""
        box = self._spare.take()
        if box is not None and not (self._plan and self._plan.is_for(environment, size, context)):
            box.kill()
            return None
        return box

    def _start(self) -> Box:
        """Raises BoxGone."""
        plan = self._plan = self._planned()
        return begin(self._engine, plan.environment, plan.size, self._settings.limits, plan.context)

    def _planned(self) -> _Plan:
        """Raises BoxGone: there is no such environment yet."""
        listed, settings = self._listed, self._settings
        environment = known_environment(listed, self._engine, settings) if listed else None
        if listed is None or environment is None:
            raise BoxGone("its environment is still to be built")
        size = BoxSize.of(settings.limits, listed.size_bytes, len(listed.files))
        context = BoxContext(run=settings.run, question=self._question, import_roots=import_roots(listed))
        return _Plan(environment, size, context)
