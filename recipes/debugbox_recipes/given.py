"""Which of the user's functions are given an entry, or its key, after it was put into a container. In the program.

Whoever lets an entry go, as a rule knows it: what is called with it later, and leaves it where it is, is where it
could have been taken out.
"""

from types import CodeType, FrameType
from typing import Any, Callable, List, Optional, Tuple

MOST = 8  # functions told of a container
_BY_VALUE = (str, bytes, int)  # what is compared by value; of anything else only the very object counts
_TOO_COMMON = 2  # an int or a text this short is equal to many by chance
_Function = Tuple[str, int, str]
Relative = Callable[[Optional[str]], Optional[str]]


class Given:
    """What was put into each container last, and who was called with it since then."""

    def __init__(self, count: int, relative: Relative) -> None:
        self._relative = relative
        self._last: List[Tuple[Any, ...]] = [() for _ in range(count)]
        self._by: List[Tuple[CodeType, ...]] = [() for _ in range(count)]  # who was running when it was put in
        self._seen: List[List[_Function]] = [[] for _ in range(count)]

    def put_in(self, number: int, thing: Any, frame: Optional[FrameType]) -> None:
        self._last[number] = _newest(thing)
        running: List[CodeType] = []
        while frame is not None:
            running.append(frame.f_code)
            frame = frame.f_back
        self._by[number] = tuple(running)

    def called(self, frame: FrameType) -> None:
        """A function begins. Only the outermost of those that hand it on to one another is told."""
        code = frame.f_code
        file = self._relative(code.co_filename)
        if file is None or code.co_name.startswith("<"):
            return
        for number, last in enumerate(self._last):
            if last and code not in self._by[number] and _has(frame, last) and not _has_any(frame.f_back, last):
                function = (file, code.co_firstlineno, code.co_name)
                seen = self._seen[number]
                self._seen[number] = [function, *(other for other in seen if other != function)][:MOST]

    def forget(self) -> None:
        self._last = [() for _ in self._last]

    def result(self) -> List[List[_Function]]:
        """Of each container: file, line and name, the last one called first."""
        return self._seen


def _newest(thing: Any) -> Tuple[Any, ...]:
    """What was put in last: key and value of a dict, else the value; nothing where that cannot be told."""
    if isinstance(thing, dict) and dict.__len__(thing):
        key = next(reversed(list(dict.keys(thing))))
        return _worth_it((key, dict.__getitem__(thing, key)))
    if isinstance(thing, list) and list.__len__(thing):
        return _worth_it((list.__getitem__(thing, -1),))
    return ()


def _worth_it(values: Tuple[Any, ...]) -> Tuple[Any, ...]:
    """Without what there is one of for all (None, True, an empty tuple), and without what is short."""
    some = [value for value in values if value is not None and type(value) is not bool and type(value) is not tuple]
    return tuple(value for value in some if type(value) not in _BY_VALUE or len(str(value)) > _TOO_COMMON)


def _has(frame: FrameType, wanted: Tuple[Any, ...]) -> bool:
    """Whether one of these is among the arguments."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return any(_same(frame.f_locals.get(name), one) for name in names for one in wanted)


def _has_any(frame: Optional[FrameType], wanted: Tuple[Any, ...]) -> bool:
    while frame is not None:
        if _has(frame, wanted) and frame.f_code.co_name != "<module>":
            return True
        frame = frame.f_back
    return False


def _same(value: Any, wanted: Any) -> bool:
    if type(wanted) in _BY_VALUE:
        return type(value) is type(wanted) and bool(value == wanted)
    return value is wanted
