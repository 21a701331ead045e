"""Which base images can be had: those of the registry, or those built here by sandbox/base.sh. Read by `docker.py`."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet

from debugbox.engines import Progress
from debugbox.errors import NoBaseImage, NoInterpreter

if TYPE_CHECKING:
    from docker import APIClient

SERIES = ("3.13", "3.12", "3.11", "3.10", "3.9")
REGISTRY_PATIENCE_S = 5  # for a registry that does not answer; asked once in a process
_PATCHES = 100


class Bases:
    """The base images that this engine has or can pull. A dead registry is asked once, then remembered."""

    def __init__(self, api: "APIClient", impatient: Callable[[], "APIClient"]) -> None:
        self._api, self._impatient = api, impatient
        self._registry_fails = ""

    def local(self, series: str) -> str | None:
        """The image of this series that is already here; the registry's own is preferred."""
        from docker.errors import ImageNotFound

        for image in (official(series), own(series)):
            try:
                self._api.inspect_image(image)  # type: ignore[no-untyped-call]  # the stubs lack it
                return image
            except ImageNotFound:
                continue
        return None

    def pullable(self, series: str) -> str:
        """Empty when the registry has this image, else why it cannot be pulled."""
        from docker.errors import APIError
        from requests.exceptions import RequestException

        if self._registry_fails:
            return self._registry_fails
        try:
            with contextlib.closing(self._impatient()) as api:
                api.inspect_distribution(official(series))  # type: ignore[no-untyped-call]  # the stubs lack it
        except APIError as error:
            why = error.explanation or str(error)
            if error.status_code != 404:
                self._registry_fails = why
            return why
        except RequestException:
            self._registry_fails = f"the registry did not answer within {REGISTRY_PATIENCE_S} s"
            return self._registry_fails
        return ""

    def interpreter(self, wanted: SpecifierSet, preferred: str | None) -> str:
        """`preferred` where it can be had, else the newest that fits: those already here before those to pull.

        What is here comes first because this is asked at every run, and a run must not wait for a network.

        Raises:
            NoInterpreter: bases are here, and none fits.
            NoBaseImage: there is none at all.
        """
        if preferred and (self.local(preferred) or not self.pullable(preferred)):
            return preferred
        fitting = [series for series in SERIES if fits(wanted, series)]
        for series in fitting:
            if self.local(series):
                return series
        for series in fitting:
            if not self.pullable(series):
                return series
        found = [series for series in SERIES if self.local(series)]
        if fitting and not found:
            raise NoBaseImage(official(fitting[0]), self._registry_fails)
        raise NoInterpreter(str(wanted), ", ".join(found))

    def obtain(self, series: str, progress: Progress) -> tuple[str, tuple[str, ...]]:
        """A base image, pulled if need be, and what the user should know about it.

        Raises:
            NoBaseImage: neither the registry nor this machine has one.
        """
        here = self.local(series)
        if here == official(series):
            return here, ()
        why = self.pullable(series) or self._pull(official(series), progress)
        if not why:
            return official(series), ()
        if here is None:
            raise NoBaseImage(official(series), why)
        return here, (f"the base image {here} was built on this machine; {official(series)} cannot be pulled",)

    def _pull(self, image: str, progress: Progress) -> str:
        """Pull it; empty when it is here, else why not."""
        from docker.errors import APIError

        progress(f"pulling {image}")
        repository, _, tag = image.partition(":")
        try:
            for line in self._api.pull(repository, tag=tag, stream=True, decode=True):
                if failure := _failure(line):
                    return failure
        except APIError as error:
            return error.explanation or str(error)
        return ""


def official(series: str) -> str:
    return f"python:{series}-slim"


def own(series: str) -> str:
    return f"debugbox/base:{series}"


def fits(wanted: SpecifierSet, series: str) -> bool:
    """Whether some release of the series is allowed: which one a base has is known only when it is here."""
    return any(wanted.contains(f"{series}.{patch}") for patch in range(_PATCHES))


def _failure(line: Any) -> str:
    return str(line["error"]) if isinstance(line, dict) and "error" in line else ""
