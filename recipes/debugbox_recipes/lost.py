"""Shadows that lost their history on a way through C code. Runs in the program's process."""

from typing import Any, Set

_REMEMBERED = 200_000  # computed values, for recognising lost ones
_SHORT_DECIMAL = 14  # characters of a number that may have been written by hand


class LostShadows:
    """Counts computed values that come back as plain floats: through array, struct, text, a C extension.

    Recognised by their digits, so short decimals, which a literal may equal by chance, do not count.
    """

    def __init__(self) -> None:
        self.count = 0
        self._computed: Set[float] = set()

    def made(self, value: float) -> None:
        if len(self._computed) > _REMEMBERED:
            self._computed.clear()
        self._computed.add(value)

    def look(self, operand: Any) -> None:
        """Call with an operand; one that has its shadow is not lost."""
        if type(operand) is float and operand in self._computed and len(repr(operand)) > _SHORT_DECIMAL:
            self.count += 1
