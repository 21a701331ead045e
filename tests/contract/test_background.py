"""What threads, tasks and processes say after their cell has ended: kept, told apart, mixed into no cell."""

import time

from debugbox.box import Boxes
from tests.contract.cells import of_kind, run, text


def test_output_after_the_reply_is_background_and_of_no_cell(boxes: Boxes) -> None:
    code = (
        "import threading, time\n"
        "def late():\n    time.sleep(1)\n    for i in range(5): time.sleep(0.2); print('late', i)\n"
        "thread = threading.Thread(target=late); thread.start()\nprint('mine')"
    )
    with boxes.open() as box:
        assert text(run(box, code)) == "mine\n"
        other = run(box, "while thread.is_alive(): print('other'); time.sleep(0.1)")
        assert set(text(other).split()) == {"other"}
        assert text(other, "background") == "".join(f"late {i}\n" for i in range(5))


def test_background_of_any_length_is_bounded_between_two_cells_and_has_new_room_after(boxes: Boxes) -> None:
    flood = "import threading\nthread = threading.Timer(1, lambda: print('x' * 1_500_000 + ' end')); thread.start()"
    with boxes.open() as box:
        for _ in range(2):
            run(box, flood)
            late = run(box, "thread.join()")
            said = text(late, "background")
            assert said.endswith("x end\n") and "cut here" in said and len(said) < (1 << 20) + 200


def test_background_is_no_record_and_no_failure_of_the_cell_it_came_with(boxes: Boxes) -> None:
    code = (
        "import asyncio, debugbox_kernel as box\n"
        "async def late():\n    await asyncio.sleep(1)\n    box.symptom(present=True)\n"
        "    get_ipython().showtraceback((ValueError, ValueError('late'), None))\n"
        "task = asyncio.ensure_future(late())"
    )
    with boxes.open() as box:
        run(box, code)
        other = run(box, "await task")
    assert other.status == "ok" and not other.records("symptom") and not of_kind(other, "error")
    assert '"present"' in text(other, "background") and "ValueError: late" in text(other, "background")


def test_what_comes_after_the_last_cell_can_still_be_taken(boxes: Boxes) -> None:
    with boxes.open() as box:
        run(box, "import threading\nthreading.Timer(1, print, ('late',)).start()")
        time.sleep(2.5)
        assert [each.text for each in box.take_background()] == ["late\n"] and not box.take_background()


def test_a_task_that_prints_after_its_cell_is_background(boxes: Boxes) -> None:
    code = (
        "import asyncio\n"
        "async def late():\n    await asyncio.sleep(1)\n    for i in range(3): print('late', i); display('shown')\n"
        "task = asyncio.ensure_future(late())"
    )
    with boxes.open() as box:
        assert not text(run(box, code))
        other = run(box, "await task\nprint('other')")
        assert text(other) == "other\n" and [each.name for each in other.outputs[1:]].count("background") == 6
        assert text(other, "background").count("shown") == 3
