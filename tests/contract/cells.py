"""Running cells in a test, and picking what came back."""

from itertools import count

from debugbox.box import Box
from debugbox.finding import Cell, Output

_ids = count(1)  # ids never repeat within a box


def run(box: Box, code: str, timeout_s: float = 20) -> Cell:
    return box.run_cell(code, id=next(_ids), purpose="test", timeout_s=timeout_s)


def text(cell: Cell, name: str = "stdout") -> str:
    return "".join(output.text for output in cell.outputs if output.kind == "text" and output.name == name)


def error(cell: Cell) -> Output:
    return next(output for output in cell.outputs if output.kind == "error")


def of_kind(cell: Cell, kind: str) -> list[Output]:
    return [output for output in cell.outputs if output.kind == kind]


def hints(cell: Cell) -> str:
    return text(cell, "hint")
