"""debugbox: debugging with throwaway code, in a closed box, ending in a checked finding."""

TYPE_CHECKING = False  # typing's own would have to be imported, which takes as long as all the rest of `--help`

__version__ = "0.1.0"
__all__ = ["DebugboxError", "Finding", "findings", "investigate", "verify"]

if TYPE_CHECKING:
    from debugbox.api import findings, investigate, verify
    from debugbox.errors import DebugboxError
    from debugbox.finding import Finding

# No name may be that of a module: an import of `debugbox.archive` anywhere would put the module in its place.
_WHERE = {"DebugboxError": "errors", "Finding": "finding", "findings": "api", "investigate": "api", "verify": "api"}


def __getattr__(name: str) -> object:
    """The public names, loaded when they are used: `debugbox --help` pays for none of them."""
    if name not in _WHERE:
        raise AttributeError(f"module 'debugbox' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"debugbox.{_WHERE[name]}"), name)
