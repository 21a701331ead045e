"""Which lines put something into containers, and who is given it later, for a few steps. In the program.

The line that ran when a container's length grew is the one that filled it, whichever way: append, item assignment,
`setdefault`, a C function. Threads that ran before are not traced.
"""

import os
import sys
import threading
from types import FrameType
from typing import Any, Callable, Dict, List, Optional, Tuple

from .given import Given
from .heap import length_function
from .paths import Path, follow

FIRST, LAST = 3, 8  # the steps that are traced: not the first, which may set things up
_DEEPEST = 40  # frames of a stack that are kept
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
Relative = Callable[[Optional[str]], Optional[str]]


class Insertions:
    """Stacks, innermost line first, at which each container grew, with the number of entries."""

    def __init__(self, paths: List[Path], relative: Relative) -> None:
        self.paths, self.relative = paths, relative
        self.things: List[Any] = [None] * len(paths)
        self.sizes: List[Callable[[Any], int]] = [len] * len(paths)
        self.known: List[int] = [0] * len(paths)
        self.stacks: List[Dict[Tuple[Any, ...], int]] = [{} for _ in paths]
        self.position: Optional[Tuple[FrameType, int]] = None
        self.given = Given(len(paths), relative)

    def step_over(self, number: int, frame: FrameType) -> None:
        """A step is over: begin to trace, go on, or stop."""
        if number == FIRST:
            self._find(frame)
            self._trace(frame)
        elif FIRST < number < LAST:
            self._check()
            self.given.forget()
        elif number == LAST:
            self._check()
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type,unused-ignore]  # None ends it; typed so since 3.12
            self.position = None
            self.given.forget()

    def _find(self, frame: FrameType) -> None:
        for number, path in enumerate(self.paths):
            try:
                thing = follow(path, frame, self.relative)
            except (LookupError, AttributeError):
                continue
            size = length_function(type(thing))
            if size is not None:
                self.things[number], self.sizes[number], self.known[number] = thing, size, size(thing)

    def _trace(self, frame: Optional[FrameType]) -> None:
        self.position = (frame, frame.f_lineno) if frame else None
        threading.settrace(self._event)
        sys.settrace(self._event)
        while frame is not None:
            frame.f_trace = self._event
            frame = frame.f_back

    def _event(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename.startswith(_OURS):
            return None
        self._check()
        if event == "call":
            self.given.called(frame)
        back = frame.f_back
        if event == "return" and back is not None:
            self.position = (back, back.f_lineno)
        else:
            self.position = (frame, frame.f_lineno)
        return self._event

    def _check(self) -> None:
        """What grew since the last event, grew at the line of that event."""
        for number, thing in enumerate(self.things):
            if thing is None:
                continue
            now = self.sizes[number](thing)
            if now > self.known[number] and self.position is not None:
                stack = _stack(*self.position)
                self.stacks[number][stack] = self.stacks[number].get(stack, 0) + now - self.known[number]
                self.given.put_in(number, thing, self.position[0])
            self.known[number] = now

    def result(self) -> Dict[str, Any]:
        return {"insertions": [self._shown(stacks) for stacks in self.stacks], "given": self.given.result()}

    def _shown(self, stacks: Dict[Tuple[Any, ...], int]) -> List[Dict[str, Any]]:
        rows: List[Dict[str, Any]] = []
        for stack, entries in stacks.items():
            frames = [[self.relative(file), os.path.basename(file), line, name] for file, line, name in stack]
            rows.append({"entries": entries, "frames": frames})
        return sorted(rows, key=lambda row: -row["entries"])[:8]


def _stack(frame: Optional[FrameType], line: int) -> Tuple[Any, ...]:
    frames: List[Tuple[str, int, str]] = []
    while frame is not None and len(frames) < _DEEPEST:
        if not frame.f_code.co_filename.startswith(_OURS):
            frames.append((frame.f_code.co_filename, line, frame.f_code.co_name))
        frame = frame.f_back
        line = frame.f_lineno if frame is not None else 0
    return tuple(frames)
