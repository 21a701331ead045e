"""Every open figure of a cell comes back once, with what a reviewer needs to check it."""

import pytest

from debugbox.box import Box, Boxes
from debugbox.finding import Cell, Output
from debugbox.foreign import png_size
from tests.contract.cells import hints, of_kind, run, text

_PLT = "import matplotlib.pyplot as plt, numpy as np\n"


def figure(cell: Cell) -> Output:
    (only,) = of_kind(cell, "image")
    return only


def test_a_figure_comes_back_once_and_is_closed(shared_box: Box) -> None:
    assert figure(run(shared_box, _PLT + "plt.figure(); plt.bar([1], [2]);"))
    cell = run(shared_box, "len(plt.get_fignums())")
    assert text(cell, "result") == "0"
    assert not of_kind(cell, "image")


def test_box_show_sends_now_and_only_once(shared_box: Box) -> None:
    code = (
        _PLT
        + "import debugbox_kernel as box\nfig = plt.figure(); plt.plot([1, 2])\nbox.show(fig, 'seen')\nprint('then')"
    )
    cell = run(shared_box, code)
    assert [output.kind for output in cell.outputs] == ["image", "text"]
    assert figure(cell).data["caption"] == "seen"


@pytest.mark.parametrize("backend", ["", "%matplotlib inline\n"], ids=["agg", "inline"])
@pytest.mark.parametrize("shown", ["fig", "display(fig)", "plt.show()", "pass"])
def test_a_figure_comes_once_with_its_audit_however_it_is_shown(boxes: Boxes, backend: str, shown: str) -> None:
    code = f"{backend}{_PLT}fig, ax = plt.subplots()\nax.plot([1, 2], label='p')\n{shown}"
    with boxes.open() as box:
        cell = run(box, code)
        assert figure(cell).data["axes"][0]["artists"][0]["label"] == "p"
        assert not run(box, "1;").outputs


def test_a_figure_that_changed_after_it_was_shown_comes_again(shared_box: Box) -> None:
    code = _PLT + "fig, ax = plt.subplots()\nax.plot([1, 2]);\ndisplay(fig)\nax.set_title('later');"
    first, last = of_kind(run(shared_box, code), "image")
    assert first.data["axes"][0]["title"] == "" and last.data["axes"][0]["title"] == "later"


def test_the_picture_is_for_the_notebook(shared_box: Box) -> None:
    width, height = png_size(figure(run(shared_box, _PLT + "plt.plot([1, 2]);")).png)
    assert 800 < width < 1100 and 600 < height < 800


def test_the_audit_has_labels_units_scales_and_data(shared_box: Box) -> None:
    code = _PLT + (
        "fig, ax = plt.subplots()\nax.plot([1, 2, 3], [4, float('nan'), 6], label='p')\n"
        "ax.scatter([1, 2], [3, 4], c=[7, 8])\nax.bar(['a', 'b'], [5, 6])\nax.imshow(np.eye(2))\n"
        "ax.set(xlabel='time [s]', ylabel='pressure (hPa)', yscale='log', title='T')"
    )
    (axes,) = figure(run(shared_box, code)).data["axes"]
    assert axes["x"]["unit"] == "s" and axes["y"] | {"limits": None} == {
        "label": "pressure (hPa)",
        "unit": "hPa",
        "scale": "log",
        "limits": None,
    }
    by_kind = {artist["kind"]: artist for artist in axes["artists"]}
    assert by_kind["line"] == {"kind": "line", "label": "p", "points": 3, "x": [1, 2, 3], "y": [4, None, 6]}
    assert by_kind["scatter"]["values"] == [7, 8] and by_kind["scatter"]["y"] == [3, 4]
    assert by_kind["bar"]["y"] == [5, 6] and by_kind["image"]["shape"] == [2, 2]


def test_long_data_is_thinned_out_and_says_how(shared_box: Box) -> None:
    code = _PLT + "for _ in range(30): plt.plot(np.arange(100_000))"
    (axes,) = figure(run(shared_box, code)).data["axes"]
    first = axes["artists"][0]
    assert first["points"] == 100_000 and len(first["y"]) == 1000 and first["every"] == 100
    assert len(axes["artists"]) == 24 and axes["more_artists"] == 6
    assert sum(len(artist["y"]) for artist in axes["artists"]) <= 15_000


def test_dates_and_histograms_are_told(shared_box: Box) -> None:
    code = _PLT + (
        "import datetime\nplt.plot([datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)], [1, 2])\n"
        "plt.hist([1, 2, 2], bins=50);"
    )
    (axes,) = figure(run(shared_box, code)).data["axes"]
    assert axes["x"]["values"].startswith("days") and axes["artists"][1]["points"] == 50


def test_a_hostile_size_is_drawn_smaller_and_says_so(shared_box: Box) -> None:
    cell = run(shared_box, _PLT + "plt.figure(figsize=(1000, 1000)); plt.plot([1, 2])")
    width, height = png_size(figure(cell).png)
    assert 15_000_000 < width * height <= 25_000_000 and "instead of 150 dots per inch" in figure(cell).text


def test_a_size_that_is_no_picture_is_told(shared_box: Box) -> None:
    cell = run(shared_box, _PLT + "plt.figure(figsize=(1e5, 0.1));")
    assert cell.status == "ok" and "figure 1 could not be drawn" in text(cell, "stderr")


def test_a_text_far_away_does_not_blow_the_picture_up(shared_box: Box) -> None:
    cell = run(shared_box, _PLT + "plt.plot([1, 2]); plt.text(1e4, 1e4, 'far');")
    assert cell.status == "ok" and all(png_size(each.png)[0] < 20_000 for each in of_kind(cell, "image"))


def test_a_figure_that_cannot_be_drawn_is_told_and_the_others_come(shared_box: Box) -> None:
    code = _PLT + "plt.figure(); plt.title(r'$\\frac{$'); plt.figure(); plt.plot([1])"
    cell = run(shared_box, code)
    assert len(of_kind(cell, "image")) == 1
    assert "figure 1 could not be drawn: ValueError" in text(cell, "stderr")


def test_more_than_twenty_pictures_are_counted(boxes: Boxes) -> None:
    with boxes.open() as box:
        cell = run(box, _PLT + "for _ in range(25): plt.figure(figsize=(1, 1))", timeout_s=60)
    assert len(of_kind(cell, "image")) == 20 and cell.dropped_outputs == 5
    assert text(cell, "display").count("its picture is left out: 20 of a cell are kept") == 5


def test_matplotlib_is_not_imported_for_a_cell_that_does_not(boxes: Boxes) -> None:
    with boxes.open() as box:
        code = "import sys\n[name for name in ('matplotlib', 'numpy', 'PIL', 'pandas') if name in sys.modules]"
        assert text(run(box, code), "result") == "[]"


def test_nothing_of_matplotlib_is_patched(boxes: Boxes) -> None:
    code = (
        "import matplotlib, matplotlib.pyplot as plt\nmatplotlib.use('agg')\n"
        "[f.__module__ for f in (plt.show, plt.figure, plt.Figure.savefig)], "
        "matplotlib.get_backend(), plt.isinteractive()"
    )
    with boxes.open() as box:
        said = text(run(box, code), "result")
    assert said == "(['matplotlib.pyplot', 'matplotlib.pyplot', 'matplotlib.figure'], 'agg', False)"


def test_pictures_of_pillow_come_as_png(shared_box: Box) -> None:
    code = "from PIL import Image\nimage = Image.new('RGB', (30, 20))\ndisplay(image)\nimage"
    pictures = of_kind(run(shared_box, code), "image")
    assert [png_size(each.png) for each in pictures] == [(30, 20)] * 2


def test_a_jpeg_becomes_a_png(shared_box: Box) -> None:
    code = (
        "import io\nfrom PIL import Image as I\nfrom IPython.display import Image\nf = io.BytesIO()\n"
        "I.new('RGB', (8, 8)).save(f, 'JPEG')\nImage(f.getvalue())"
    )
    assert png_size(figure(run(shared_box, code)).png) == (8, 8)


def test_what_pretends_to_be_a_png_is_dropped_and_counted(shared_box: Box) -> None:
    cell = run(shared_box, "display({'image/png': 'aGVsbG8='}, raw=True)")
    assert not of_kind(cell, "image") and cell.dropped_outputs == 1


_PLOTLY = (
    "import plotly.graph_objects as go\nfig = go.Figure(go.Bar(x=[1, 2], y=[3, 4], name='n'))\n"
    "fig.update_layout(title='T');\n"
)


@pytest.mark.parametrize("shown", ["fig", "display(fig)"])
def test_plotly_gets_words_and_advice(library_box: Box, shown: str) -> None:
    (output,) = run(library_box, _PLOTLY + shown).outputs
    assert output.kind == "text" and "plotly figure 'T': 1 traces (bar n)" in output.text
    assert "draw the data with matplotlib" in output.text and len(output.text) < 500


def test_plotlys_own_show_fails_with_advice(library_box: Box) -> None:
    cell = run(library_box, _PLOTLY + "fig.show()")
    assert cell.status == "error" and "display(fig) tells what it shows" in hints(cell)


def test_plots_of_pandas_are_matplotlibs(library_box: Box) -> None:
    code = "import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': [3, 4]}).plot();"
    (axes,) = figure(run(library_box, code)).data["axes"]
    assert [artist["label"] for artist in axes["artists"]] == ["a", "b"]


def test_a_plotly_bundle_gets_words(shared_box: Box) -> None:
    code = (
        "drawn = {'data': [{'type': 'bar'}], 'layout': {'title': {'text': 'T'}}}\n"
        "display({'application/vnd.plotly.v1+json': drawn, 'text/html': ''}, raw=True)"
    )
    said = text(run(shared_box, code), "display")
    assert "plotly figure 'T': 1 traces (bar)" in said and "browser" in said
