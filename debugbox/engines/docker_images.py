"""The user's own image, to build an environment on: is it here, can a box stand on it. Read by `docker.py`."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from debugbox.engines import OwnImage
from debugbox.engines.docker_bases import SERIES
from debugbox.errors import BoxGone, ImageUnfit

if TYPE_CHECKING:
    from docker import APIClient

_PATH = "/usr/local/bin:/usr/bin:/bin"
# Asked in a box, by the box's user; the cat keeps the container until it can be inspected.
_ASK = (
    'PATH="$1"; for name in python3 python; do "$name" -I -c "import json, sys; '
    'print(json.dumps([sys.executable, sys.version_info[:2]]))" 2>/dev/null && break; done; echo; cat'
)


def obtain(api: "APIClient", name: str) -> dict[str, Any]:
    """What the engine knows of it; it is pulled where it is not here. Raises ImageUnfit."""
    from docker.errors import APIError, ImageNotFound

    try:
        try:
            return dict(api.inspect_image(name))  # type: ignore[no-untyped-call]  # the stubs lack it
        except ImageNotFound:
            api.pull(name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest")
            return dict(api.inspect_image(name))  # type: ignore[no-untyped-call]  # the stubs lack it
    except APIError as error:
        raise ImageUnfit(name, f"it is not here and cannot be pulled ({error.explanation or error})") from error


def variables_of(api: "APIClient", image: str) -> dict[str, str]:
    """What the image sets for whatever runs in it: its programs' folders, its libraries'."""
    config = api.inspect_image(image)["Config"]  # type: ignore[no-untyped-call]  # the stubs lack it
    return dict(each.partition("=")[::2] for each in config.get("Env") or [])


def with_python(name: str, image: Mapping[str, Any], first_line: Callable[[str, Sequence[str]], str]) -> OwnImage:
    """The image with its interpreter. `first_line` runs a command in a box of the image. Raises ImageUnfit."""
    config = image["Config"]
    if volumes := config.get("Volumes"):
        raise ImageUnfit(name, f"it declares volumes ({', '.join(volumes)}), which would be writable without a limit")
    if config.get("OnBuild"):
        raise ImageUnfit(name, "it declares build triggers, which would run as root")
    path = next((each[5:] for each in config.get("Env") or [] if each.startswith("PATH=")), "") or _PATH
    try:
        line = first_line(image["Id"], ("/bin/sh", "-c", _ASK, "sh", path))
    except BoxGone as gone:
        raise ImageUnfit(name, f"its shell does not start ({gone.cause})") from gone
    return _checked(name, image["Id"], line)


def _checked(name: str, id: str, line: str) -> OwnImage:
    """The interpreter as the image names it. What it says is only taken where it is of the right form."""
    try:
        interpreter, (major, minor) = json.loads(line)
        python = f"{int(major)}.{int(minor)}"
    except (ValueError, TypeError) as error:
        raise ImageUnfit(name, "no python3 on its path that the box's user can run") from error
    if python not in SERIES or not str(interpreter).startswith("/"):
        raise ImageUnfit(name, f"its Python is {python}")
    return OwnImage(id=id, python=python, interpreter=str(interpreter))
