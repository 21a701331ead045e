"""The recipes, as a package of the kernel: `from debugbox_recipes import drift`, then `drift(question=...)`.

Runs in the box. `recipes/NAME/scripts/NAME.py` holds a recipe; this package holds what recipes share. Nothing is
imported here before it is asked for: the same package is imported in the user's process by the hook.
PYTEST_DONT_REWRITE
"""

from typing import Any, List


class Recipe:
    """`recipe(...)` investigates; `recipe.symptom(...)` measures once; `recipe.card` is its SKILL.md."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        return self._module().investigate(*arguments, **settings)

    def symptom(self, **settings: Any) -> Any:
        return self._module().symptom(**settings)

    @property
    def card(self) -> str:
        return (_folder_of(self.name) / "SKILL.md").read_text(encoding="utf-8")  # type: ignore[no-any-return]

    def _module(self) -> Any:
        """The recipe's script, as a submodule of a package made of its `scripts` folder."""
        import importlib
        import sys
        from types import ModuleType

        package = f"debugbox_recipe_{self.name.replace('-', '_')}"
        if package not in sys.modules:
            made = ModuleType(package)
            made.__path__ = [str(_folder_of(self.name) / "scripts")]
            sys.modules[package] = made
        return importlib.import_module(f"{package}.{self.name.replace('-', '_')}")

    def __repr__(self) -> str:
        return f"<recipe {self.name}: call it, or read .card>"


def _folders() -> List[Any]:
    """Where recipes lie in the box: ours, those of the user, those of the repository; of one name the first counts."""
    from pathlib import Path

    repo = Path("/srv/repo")
    return [Path(__file__).resolve().parent.parent, repo / ".debugbox-metadata/recipes", repo / ".debugbox/recipes"]


def _folder_of(name: str) -> Any:
    return next(folder / name for folder in _folders() if (folder / name / "SKILL.md").is_file())


def names() -> List[str]:
    """The recipes there are."""
    return sorted({card.parent.name for folder in _folders() for card in folder.glob("*/SKILL.md")})


def __getattr__(name: str) -> Recipe:
    if not name.startswith("_") and name.replace("_", "-") in names():
        return Recipe(name.replace("_", "-"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
