"""A stand-in for the module that cells see, so that a recipe's outermost functions can be called without a box."""

import json
from pathlib import PurePosixPath
from typing import Any

from debugbox_recipes.harness import Program


class FakeBox:
    """`debugbox_kernel` as a cell sees it."""

    def __init__(self, which: Program) -> None:
        self.repo, self.python = PurePosixPath(which.repo), which.python
        roots = list(which.import_roots)
        self.context: dict[str, Any] = {"run": which.command, "import_roots": roots, "interventions": []}
        self.records: dict[str, list[Any]] = {}
        self.figures: list[Any] = []

    def report(self, name: str, data: Any) -> None:
        self.records.setdefault(name, []).append(json.loads(json.dumps(data, allow_nan=False)))

    def show(self, figure: Any, caption: str = "") -> None:
        figure.canvas.draw()
        self.figures.append(figure)
