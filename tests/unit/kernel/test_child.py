"""The kernel's environment is a literal list; what the host gives on purpose replaces nothing of it that matters."""

import pytest
from debugbox_kernel import child


def test_nothing_is_inherited_and_what_is_given_comes_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SUPERVISOR", "x")
    own = child.environment(2.5)
    given = {"TOKEN": "t", "HOME": "/root", "PYTHONNOUSERSITE": "", "TZ": "Asia/Tokyo", "PATH": "/opt/own/bin"}
    found = child.with_given(own, given)
    assert set(found) == {*own, "TOKEN"}
    assert (found["TOKEN"], found["TZ"]) == ("t", "Asia/Tokyo")
    assert (found["HOME"], found["PYTHONNOUSERSITE"]) == ("/home/box", "1")
    assert found["PATH"] == own["PATH"] + ":/opt/own/bin"
    assert found["OMP_NUM_THREADS"] == "2"
