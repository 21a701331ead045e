"""The tool's own share of an investigation's wall time: what is neither a cell nor the model."""

import io
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from debugbox.box import Box
from debugbox.engines import Engine
from debugbox.investigation import investigate
from debugbox.render.live import View
from debugbox.settings import Settings
from tests.bench.measuring import Figure, median
from tests.conftest import ROOT

EXAMPLE = ROOT / "examples" / "weather-station"
QUESTION, COMMAND = "why does the mean temperature drift", "python run.py"
RUNS = 3
BAR = 0.05


def figures(engine: Engine) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"DEBUGBOX_DATA_DIR": scratch, "DEBUGBOX_STATE_DIR": scratch}
        _investigation(engine)  # builds the environment
        runs = [_investigation(engine) for _ in range(RUNS)]
    own = median([whole - cells for whole, cells, _ in runs])
    whole = median([each for each, _, _ in runs])
    boxes = runs[-1][2]
    yield Figure(
        name=f"the tool's own share of an investigation by recipe ({engine.name})",
        value=median([(whole - cells) / whole for whole, cells, _ in runs]),
        unit="of the wall time",
        bar=BAR,
        detail=f"{own:.1f} s of {whole:.1f} s, of it {boxes} boxes to start; 5 % of a run of {own / BAR / 60:.1f} min",
    )


def _investigation(engine: Engine) -> tuple[float, float, int]:
    """(seconds in all, seconds in which a cell ran, boxes)."""
    spans: list[tuple[float, float]] = []
    started: list[Box] = []
    run_cell, fill = Box.run_cell, Box.fill

    def timed(box: Box, *arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return run_cell(box, *arguments, **options)
        finally:
            spans.append((began, time.perf_counter()))

    def counted(box: Box, *arguments: Any, **options: Any) -> Any:
        started.append(box)
        return fill(box, *arguments, **options)

    settings = replace(Settings(repository=Path(EXAMPLE)), run=COMMAND, use_model=False)
    began = time.perf_counter()
    try:
        Box.run_cell, Box.fill = timed, counted  # type: ignore[method-assign]  # a stop-watch around the real ones
        investigate(QUESTION, settings, engine=engine, model=None, view=View(io.StringIO(), quiet=True))
    finally:
        Box.run_cell, Box.fill = run_cell, fill  # type: ignore[method-assign]
    return time.perf_counter() - began, _covered(spans), len(started)


def _covered(spans: list[tuple[float, float]]) -> float:
    """Seconds in which at least one cell ran: checks run several boxes at once."""
    covered, until = 0.0, 0.0
    for began, ended in sorted(spans):
        covered += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return covered
