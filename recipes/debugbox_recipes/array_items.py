"""Items, slices and stores of arrays, and walks through them. In the program's process; a part of `array_run`."""

import contextlib
import operator
from typing import Any, Callable, Iterable, Optional

from .array_memory import Known
from .array_step import CannotFollow


class Items:
    """What `ArrayRun` has to have: `ready`, `apply`, and what it took hold of."""

    numpy: Any
    memory: Any
    wider: Any
    ready: Callable[[], bool]
    apply: Callable[..., Any]
    _guarded: Callable[..., Any]

    def _place(self, owner: Any, key: Any) -> Any:
        """`owner[key]`, for a single element as an array of no dimensions in the same memory."""
        keys = key if type(key) is tuple else (key,)
        single = len(keys) == owner.ndim and all(isinstance(k, (int, self.numpy.integer)) for k in keys)
        return owner[(*keys, ...)] if single and bool not in map(type, keys) else owner[key]

    def item(self, site: int, owner: Any, key: Any) -> Any:
        value = owner[key]
        if not self.ready() or self.wider.dtype_of(owner) is None:
            return value
        if not isinstance(value, self.numpy.ndarray):
            with contextlib.suppress(Exception):  # it would go on into the user's program
                known = self.memory.look(self._place(owner, key))
                if known is not None:
                    self.memory.keep(value, known)
            return value
        if self.numpy.may_share_memory(value, owner):
            return value
        return self.apply(site, "item", operator.getitem, (owner, key), {})

    def stored(self, site: int, value: Any, owner: Any, key: Any) -> None:
        """`owner[key] = value`"""
        array = self.ready() and isinstance(owner, self.numpy.ndarray) and self.wider.dtype_of(owner) is not None
        if not array or self.wider.dtype_of(value) is None:
            owner[key] = value
            return
        try:
            place = self._place(owner, key)
        except IndexError:
            owner[key] = value  # raises as it would
            return
        if isinstance(place, self.numpy.ndarray) and self.numpy.may_share_memory(place, owner):
            self._stored(site, value, owner, key, place)
        else:
            self._scattered(site, value, owner, key)

    def _stored(self, site: int, value: Any, owner: Any, key: Any, place: Any) -> None:
        def store(given: Any) -> Any:
            owner[key] = given
            return place

        self.apply(site, "store", store, (value,), {}, self._spread(place.shape), place)

    def _scattered(self, site: int, value: Any, owner: Any, key: Any) -> None:
        """By a mask or a list of indices: `owner[key]` is a copy, so what is known of it goes in by hand."""
        try:
            before = self._guarded(self.memory.look, owner)
        except CannotFollow:
            before = None

        def store(given: Any) -> Any:
            owner[key] = given
            return owner[key]

        shape = self.numpy.shape(owner[key])
        result = self.apply(site, "store", store, (value,), {}, self._spread(shape))
        with contextlib.suppress(CannotFollow):
            self._guarded(self._scatter, owner, key, result, before)

    def _scatter(self, owner: Any, key: Any, result: Any, before: Optional[Known]) -> None:
        known = self.memory.look(result)
        if known is None and before is None:
            return
        owner[key] = result
        fields = dict(before.fields) if before else {}
        for lane in {*fields, *(known.fields if known else ())}:
            part: Any = known.fields.get(lane, 0) if known else 0
            if lane not in fields:
                fields[lane] = self.numpy.zeros(owner.shape, part.dtype)
            fields[lane][key] = part
        trail = {**(before.trail if before else {}), **(known.trail if known else {})}
        self.memory.keep(owner, Known(fields, trail))

    def _spread(self, shape: Any) -> Callable[[Any], Any]:
        return lambda given: self.numpy.broadcast_to(self.numpy.asarray(given), shape)

    def each(self, values: Any) -> Iterable[Any]:
        """The elements of an array that is walked through, each with what is known of it."""
        if (
            not self.ready()
            or self.wider.dtype_of(values) is None
            or not isinstance(values, self.numpy.ndarray)
            or values.ndim != 1
        ):
            return values  # type: ignore[no-any-return]
        known = self.memory.look(values)
        return values if known is None else self._elements(values, known)

    def _elements(self, values: Any, known: Known) -> Iterable[Any]:
        for number in range(len(values)):
            value = values[number]
            fields = {lane: field[number] for lane, field in known.fields.items() if field[number]}
            if fields:
                self.memory.keep(value, Known(fields, known.trail))
            yield value
