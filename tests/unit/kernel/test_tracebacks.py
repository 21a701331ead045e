"""Exceptions in words: the user's frames, every cause, the last line always last."""

import pytest
from debugbox_kernel.tracebacks import describe, in_full


def caught(code: str) -> BaseException:
    try:
        exec(compile(code, "cell 3", "exec"), {})
    except Exception as error:  # noqa: BLE001 (whatever the code of a case raises)
        return error
    raise AssertionError("nothing was raised")


def words(code: str) -> list[str]:
    error = caught(code)
    (text,) = describe(type(error), error)["traceback"]
    lines: list[str] = text.split("\n")
    return lines


def test_causes_come_first_and_the_exception_last() -> None:
    lines = words("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e")
    assert lines.index("ZeroDivisionError: division by zero") < lines.index("which led to:")
    assert lines[-1] == "KeyError: 'k'"


def test_a_suppressed_context_stays_hidden() -> None:
    assert not any(
        "ZeroDivision" in line for line in words("try: 1 / 0\nexcept Exception: raise KeyError(1) from None")
    )


def test_a_cycle_of_causes_ends() -> None:
    lines = words("a = ValueError('a'); b = KeyError('b')\na.__cause__ = b; b.__cause__ = a\nraise a")
    assert lines.count("which led to:") == 1


def test_exceptions_that_equal_everything_are_told_apart() -> None:
    lines = words(
        "class E(Exception):\n    def __eq__(self, other): return True\ntry: raise E(1)\nexcept E: raise E(2)"
    )
    assert "E: 1" in lines and lines[-1] == "E: 2"


def test_a_message_that_cannot_be_had_is_no_second_failure() -> None:
    assert words("class E(Exception):\n    def __str__(self): 1 / 0\nraise E")[-1] == (
        "E: <its text cannot be had: ZeroDivisionError>"
    )


def test_parts_of_a_group_are_shown() -> None:
    lines = words("raise ExceptionGroup('g', [ValueError('one'), ExceptionGroup('h', [KeyError('two')])])")
    assert "    ValueError: one" in lines and "        KeyError: 'two'" in lines
    assert lines[-1] == "ExceptionGroup: g (2 sub-exceptions)"


def test_notes_stand_before_the_last_line() -> None:
    assert words("e = ValueError('v'); e.add_note('look here'); raise e")[-2:] == ["look here", "ValueError: v"]


def test_a_deep_recursion_shows_its_beginning_and_end() -> None:
    lines = words("def f(n):\n    return f(n + 1) if n < 500 else 1 / 0\nf(0)")
    assert lines[1] == "  cell 3, line 3, in <module>" and len(lines) < 70
    assert any("frames left out" in line for line in lines)


def test_a_syntax_error_points_into_the_cell() -> None:
    assert any('"cell 3", line 1' in line for line in words("x ="))


def test_frames_are_data() -> None:
    error = caught("def f():\n    1 / 0\nf()")
    frames = describe(type(error), error)["frames"]
    assert [(frame["file"], frame["line"], frame["function"]) for frame in frames][-2:] == [
        ("cell 3", 3, "<module>"),
        ("cell 3", 2, "f"),
    ]


@pytest.mark.parametrize("error", [None, ValueError("v")], ids=["none", "never raised"])
def test_in_full_never_fails(error: BaseException | None) -> None:
    assert in_full(error)[-1] in ("no exception yet", "ValueError: v")


def test_a_message_of_any_length_fits_a_message_of_the_kernel() -> None:
    content = describe(ValueError, ValueError("x" * (20 << 20) + " the end"))
    (text,) = content["traceback"]
    assert text.endswith("x the end") and len(text) + content["dropped"] > 20 << 20 and len(str(content)) < 5 << 20
