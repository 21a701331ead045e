"""Where a finding comes from: snapshot, engine, interpreter, packages, model, limits; never the value of a secret."""

import platform
from dataclasses import asdict
from typing import Any, Protocol

from debugbox import __version__
from debugbox.engines import Engine, Environment
from debugbox.settings import Settings
from debugbox.snapshot import Snapshot

_MOST_NAMES = 200


class DescribedModel(Protocol):
    """As much of a model as provenance needs."""

    def describe(self) -> Any: ...


def provenance_of(
    snapshot: Snapshot, environment: Environment, engine: Engine, settings: Settings, model: DescribedModel | None
) -> dict[str, Any]:
    """Everything that is known before the first cell; the box's own settings are added when it was read back."""
    facts = model.describe() if model else None
    return {
        "debugbox": __version__,
        "host": f"{platform.system()} {platform.release()} {platform.machine()}",
        "repository": settings.repository.name,
        "commit": snapshot.commit,
        "dirty": list(snapshot.dirty[:_MOST_NAMES]),
        "snapshot": {"sha256": snapshot.sha256, "files": len(snapshot.files), "bytes": snapshot.size_bytes},
        "left_out": [f"{each.path}: {each.reason}" for each in snapshot.skipped[:_MOST_NAMES]],
        "masked_secrets_in": list(snapshot.masked[:_MOST_NAMES]),
        "lfs_pointers": list(snapshot.lfs_pointers[:_MOST_NAMES]),
        "history": snapshot.history,
        "engine": engine.describe(),
        "environment": {"key": environment.key, "image": _image(environment), "notes": list(environment.notes)},
        "python": environment.python,
        "packages": dict(environment.packages),
        "model": {"name": facts.model, "endpoint": facts.endpoint} if facts else None,
        "limits": asdict(settings.limits),
    }


def _image(environment: Environment) -> str:
    """The image id; of an embedded environment only its key is told, since its folder is the user's business."""
    return environment.reference if environment.engine == "docker" else environment.key
