"""Requirement: the engine that the docker command would use, or a reason; never one that others can listen to."""

import pytest
from packaging.specifiers import SpecifierSet

from debugbox.engines.docker import DockerEngine
from debugbox.engines.docker_bases import Bases, fits
from debugbox.errors import EngineUnavailable, NoBaseImage, NoInterpreter


@pytest.mark.parametrize(
    ("address", "why"),
    [
        pytest.param("tcp://127.0.0.1:2375", "not encrypted", id="open to whoever listens"),
        pytest.param("ssh://somewhere", "forward the engine's", id="no half-closing"),
        pytest.param("unix:///nonexistent.sock", "there is no socket", id="nothing there"),
        pytest.param("nonsense", "Invalid bind address", id="no address"),
    ],
)
def test_an_engine_that_cannot_be_used_says_why(address: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    assert why in (DockerEngine.answers() or "")
    with pytest.raises(EngineUnavailable, match=why):
        DockerEngine.connect()


def test_a_context_that_does_not_exist_is_not_the_default_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "no-such-context")
    assert "context" in (DockerEngine.answers() or "")


class FakeBases(Bases):
    """What is here and what a registry has, without either."""

    def __init__(self, here: str, registry: str = "", dead: str = "") -> None:
        self.here, self.registry, self._registry_fails = here.split(), registry.split(), dead

    def local(self, series: str) -> str | None:
        return f"debugbox/base:{series}" if series in self.here else None

    def pullable(self, series: str) -> str:
        return self._registry_fails or ("" if series in self.registry else "manifest unknown")


@pytest.mark.parametrize(
    ("bases", "wanted", "preferred", "chosen"),
    [
        pytest.param(FakeBases("3.11 3.9"), "", None, "3.11", id="the newest that is here"),
        pytest.param(FakeBases("3.11", "3.13 3.11"), "", None, "3.11", id="here before the registry"),
        pytest.param(FakeBases("3.11", "3.13"), ">=3.12", None, "3.13", id="the registry where nothing here fits"),
        pytest.param(FakeBases("3.11", "3.12"), "", "3.12", "3.12", id="the preferred is pulled"),
        pytest.param(FakeBases("3.11", dead="down"), "", "3.12", "3.11", id="the nearest where it cannot be had"),
        pytest.param(FakeBases("3.13 3.11"), "<3.12", "3.10", "3.11", id="the newest that fits"),
    ],
)
def test_the_interpreter(bases: Bases, wanted: str, preferred: str | None, chosen: str) -> None:
    assert bases.interpreter(SpecifierSet(wanted), preferred) == chosen


def test_no_base_at_all_is_told_with_the_registrys_words() -> None:
    with pytest.raises(NoBaseImage, match="no such host"):
        FakeBases("", dead="no such host").interpreter(SpecifierSet(), None)


def test_bases_that_do_not_fit_are_listed() -> None:
    with pytest.raises(NoInterpreter, match=r"3\.11"):
        FakeBases("3.11", dead="no such host").interpreter(SpecifierSet(">=3.12"), None)


def test_a_series_fits_when_some_release_of_it_does() -> None:
    assert fits(SpecifierSet(">=3.9.1"), "3.9") and fits(SpecifierSet("==3.11.*"), "3.11")
    assert fits(SpecifierSet("==3.11.2"), "3.11")
    assert not fits(SpecifierSet("<3.12"), "3.12") and not fits(SpecifierSet("<=3.11"), "3.12")
