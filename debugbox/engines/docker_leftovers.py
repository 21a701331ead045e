"""What of ours an engine keeps: leftovers of killed runs, and environments. Read by `docker.py`."""

import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from debugbox.engines import Leftover
from debugbox.engines.docker_build import KEY_LABEL, STAGE_LABEL, abandoned_stages
from debugbox.engines.docker_owner import OWNER_LABEL, is_gone

if TYPE_CHECKING:
    from docker import APIClient


def abandoned(api: "APIClient") -> Iterator[Leftover]:
    """What killed runs of this host left behind."""
    for container in api.containers(all=True, filters={"label": OWNER_LABEL}):
        if is_gone(container["Labels"][OWNER_LABEL]):
            remove = partial(_remove, api.remove_container, container["Id"], force=True)
            yield _leftover("container", container, container["Id"], remove)
    for image in abandoned_stages(api):
        remove = partial(_remove, api.remove_image, image["Id"])
        yield _leftover("half-built image", image, image["Id"], remove)


def environments(api: "APIClient") -> Iterator[Leftover]:
    """Every environment, whoever of this engine's users built it; its age is that of the build.

    And the stages on users' own images: those on our bases are few and stay.
    """
    for image in api.images(filters={"label": KEY_LABEL}):
        remove = partial(_remove, api.remove_image, image["Id"], force=True)
        yield _leftover("environment", image, (image["RepoTags"] or [image["Id"]])[0], remove)
    for image in api.images(filters={"label": STAGE_LABEL}):
        for tag in image["RepoTags"] or []:
            if tag.startswith("debugbox/") and ":on-" in tag:  # what stands on an image of the user's
                yield _leftover("environment", image, tag, partial(_remove, api.remove_image, tag))


def _leftover(what: str, found: dict[str, Any], name: str, remove: Any) -> Leftover:
    age_s = time.time() - found["Created"]
    return Leftover(what=what, name=name, age_s=age_s, size=lambda: int(found.get("Size") or 0), remove=remove)


def _remove(request: Any, *arguments: Any, **options: Any) -> bool:
    from docker.errors import APIError

    try:
        request(*arguments, **options)
    except APIError:  # another debugbox removed it at the same moment, or a box runs in it
        return False
    return True
