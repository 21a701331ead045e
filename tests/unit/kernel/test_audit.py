"""The audit of a figure: every kind of artist, within its budget of numbers, as JSON."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")

import numpy as np  # noqa: E402 (after the backend)
from debugbox_kernel.audit import MAX_NUMBERS, describe, words  # noqa: E402
from debugbox_kernel.figures import DPI, MAX_PIXELS, MAX_SIDE, fitting_dpi  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402


@pytest.fixture
def axes() -> Iterator[Any]:
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def artists(axes: Any) -> list[dict[str, Any]]:
    facts = describe(axes.figure)
    json.dumps(facts, allow_nan=False)
    made: list[dict[str, Any]] = facts["axes"][0]["artists"]
    return made


def test_each_kind_of_artist_has_its_data(axes: Any) -> None:
    axes.plot([1, 2], [3, np.inf])
    axes.fill_between([0, 1], [1, 2])
    axes.pcolormesh(np.arange(6).reshape(2, 3))
    axes.errorbar([1], [2], yerr=[0.5])
    axes.contourf(np.arange(9).reshape(3, 3))
    axes.bar([1, 2], [3, 4], label="b")
    axes.add_patch(plt.Circle((0, 0), 1))
    made = {each["kind"]: each for each in artists(axes)}
    assert made["line"]["points"] and made["bar"]["y"] == [3, 4] and made["bar"]["label"] == "b"
    assert made["QuadMesh"]["values"] == [0, 1, 2, 3, 4, 5] and made["QuadMesh"]["range"] == [0, 5]
    assert made["Circle"]["points"] == 1 and {"LineCollection", "QuadMesh"} <= set(made)


def test_points_in_space_have_three_columns() -> None:
    figure = plt.figure()
    axes = figure.add_subplot(projection="3d")
    axes.plot([1, 2], [3, 4], [5, 6])
    axes.set_zlabel("height [m]")
    facts = describe(figure)["axes"][0]
    assert facts["artists"][0]["z"] == [5, 6] and facts["z"]["unit"] == "m"
    plt.close(figure)


def test_the_numbers_of_a_figure_are_bounded(axes: Any) -> None:
    for _ in range(20):
        axes.plot(np.arange(5000), np.arange(5000))
    made = artists(axes)
    assert sum(len(each["x"]) + len(each["y"]) for each in made) <= MAX_NUMBERS
    assert made[0]["x"][:2] == [0, 5] and made[0]["every"] == 5 and made[-1]["points"] == 5000


def test_text_and_nothing_are_no_failure(axes: Any) -> None:
    axes.plot(["a", "b"], [1, 2])
    axes.plot([], [])
    axes.scatter([], [])
    assert [each["points"] for each in artists(axes)] == [2, 0, 0]
    assert describe(axes.figure)["axes"][0]["x"]["values"] == "categories, by number"


def test_the_words_name_axes_and_artists(axes: Any) -> None:
    axes.plot([1, 2])
    axes.set(xlabel="t", title="T")
    assert words(describe(axes.figure)) == "figure: T; no label over t; line of 2"


@pytest.mark.parametrize("size", [(6.4, 4.8), (1000, 1000), (1e5, 1), (1e-9, 1e-9), (1e5, 1e5)], ids=str)
def test_any_size_fits_the_limits(size: tuple[float, float]) -> None:
    dpi = fitting_dpi(*size)
    assert 0 < dpi <= DPI
    assert size[0] * size[1] * dpi**2 <= MAX_PIXELS * 1.001 and max(size) * dpi <= MAX_SIDE * 1.001
