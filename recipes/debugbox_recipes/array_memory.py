"""Shadow memory: what is known of the numbers in NumPy arrays beside their computed values. In the program's process.

It is kept by the memory an array stands in, so that all views of it share it, and not in a subclass of ndarray, which
`np.asarray` strips. Scalars (NumPy's and Python's) are known by identity and held, so that none is taken for another.
What is known of an element holds as long as the element has the value it had: writes that nobody saw, and memory used
again, are recognised by that. NumPy is the program's own; nothing here imports it.
"""

import weakref
from typing import Any, Dict, List, NamedTuple, Optional

from .trail import NOWHERE, Trail

EXACT = -1  # the field of exact - computed; all others are contributions to the error, by site
_SCALARS = 200_000  # held; beyond, the oldest are forgotten

Fields = Dict[int, Any]  # arrays, or scalars, of a wider type


class Known(NamedTuple):
    """`fields` in the shape of the value they belong to."""

    fields: Fields
    trail: Trail


class Block:
    """The memory of one array that owns it: a slot for each element."""

    def __init__(self, numpy: Any, root: Any, forget: Any) -> None:
        self.numpy, self.start, self.size = numpy, address(root), root.itemsize
        self.reference = weakref.ref(root, forget)
        self.computed = numpy.zeros(root.nbytes // root.itemsize, root.dtype)
        self.fields: Fields = {}
        self.trail: Trail = NOWHERE

    def view(self, flat: Any, array: Any) -> Any:
        """The slots of `flat` in the shape of `array`; None where it does not lie on their grid."""
        offset, rest = divmod(address(array) - self.start, self.size)
        if rest or array.dtype != self.computed.dtype or any(stride % self.size for stride in array.strides):
            return None
        strides = [stride // self.size * flat.itemsize for stride in array.strides]
        return self.numpy.lib.stride_tricks.as_strided(flat[offset:], array.shape, strides)


def address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def root_of(array: Any, ndarray: type) -> Any:
    """The array whose memory it is."""
    while isinstance(array.base, ndarray):
        array = array.base
    return array


class Memory:
    def __init__(self, numpy: Any) -> None:
        self.numpy = numpy
        self.blocks: Dict[int, Block] = {}
        self.scalars: Dict[int, Any] = {}
        self.forgotten = 0
        self.unknown = 0  # arrays whose elements could not be told apart by their place

    def look(self, value: Any) -> Optional[Known]:
        """What is known of `value`, or None: then it is taken for exact."""
        if not isinstance(value, self.numpy.ndarray):
            found = self.scalars.get(id(value))
            return found[1] if found else None
        block = self.blocks.get(id(root_of(value, self.numpy.ndarray)))
        computed = block.view(block.computed, value) if block else None
        if block is None or computed is None or not block.fields:
            return None
        stale = ~((computed == value) | ((computed != computed) & (value != value)))
        fields = {}
        for lane, flat in block.fields.items():
            field = block.view(flat, value).copy()
            field[stale] = 0
            if field.any():
                fields[lane] = field
        return Known(fields, block.trail) if fields else None

    def keep(self, value: Any, known: Known) -> None:
        """From now on this is known of `value`; of an array, in its memory. Without fields: nothing is."""
        if isinstance(value, self.numpy.ndarray):
            self._keep_array(value, known)
        elif known.fields:
            self.scalars.pop(id(value), None)
            self.scalars[id(value)] = (value, known)
            if len(self.scalars) > _SCALARS:
                self.forgotten += 1
                del self.scalars[next(iter(self.scalars))]

    def _keep_array(self, value: Any, known: Known) -> None:
        root = root_of(value, self.numpy.ndarray)
        block = self.blocks.get(id(root))
        if block is None and (not known.fields or not self._regular(root)):
            self.unknown += bool(known.fields)
            return
        if block is None:
            block = self.blocks[id(root)] = Block(self.numpy, root, self._forgetting(id(root)))
        computed = block.view(block.computed, value)
        if computed is None:
            self.unknown += 1
            return
        whole = value.size == block.computed.size
        computed[...] = value
        self._write(block, value, known.fields)
        block.trail = known.trail if whole else {**block.trail, **known.trail}

    def _write(self, block: Block, value: Any, fields: Fields) -> None:
        for lane in [lane for lane in block.fields if lane not in fields]:
            block.view(block.fields[lane], value)[...] = 0
        for lane, field in fields.items():
            flat = block.fields.get(lane)
            if flat is None or flat.dtype != field.dtype:
                old = flat
                flat = block.fields[lane] = self.numpy.zeros(block.computed.size, field.dtype)
                if old is not None:
                    flat[...] = old
            block.view(flat, value)[...] = field

    def _regular(self, root: Any) -> bool:
        """Whether its elements fill its memory, so that slots can be counted."""
        return bool(root.size and (root.flags.c_contiguous or root.flags.f_contiguous))

    def _forgetting(self, number: int) -> Any:
        blocks = self.blocks

        def forget(reference: Any) -> None:
            block = blocks.get(number)
            if block is not None and block.reference is reference:
                del blocks[number]

        return forget

    def lanes(self, known: List[Known]) -> List[int]:
        """The sites whose contributions any of them has."""
        return sorted({lane for each in known for lane in each.fields if lane != EXACT})
