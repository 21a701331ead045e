"""A new recipe's folder: a skeleton that works, to be changed into what its author has in mind."""

import re
from pathlib import Path

from debugbox.boxfiles import RECIPES
from debugbox.errors import RecipeNotMade
from debugbox.recipefolders import NAME
from debugbox.recipes import read_cards

SKELETON = RECIPES / "debugbox_recipes" / "skeleton"
_WORD = re.compile(r"\bskeleton\b")


def new_recipe(folder: Path, name: str) -> Path:
    """Write `folder/name`. Raises RecipeNotMade."""
    made = folder / name
    if not NAME.fullmatch(name):
        raise RecipeNotMade(name, "a name is lower case letters and digits, in words joined by hyphens")
    if name in {card.name for card in read_cards()}:
        raise RecipeNotMade(name, "debugbox has a recipe of that name, and its own come first")
    try:
        made.mkdir(parents=True)
        for path in sorted(SKELETON.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                _write(made, path, name)
    except FileExistsError:
        raise RecipeNotMade(name, f"{made} is there already") from None
    except OSError as error:
        raise RecipeNotMade(name, f"{made} cannot be written ({error.strerror})") from error
    return made


def _write(made: Path, path: Path, name: str) -> None:
    module = name.replace("-", "_")
    text = path.read_text("utf-8").replace("name: skeleton\n", f"name: {name}\n").replace("# Skeleton\n", f"# {name}\n")
    target = made / path.relative_to(SKELETON).as_posix().replace("skeleton.py", f"{module}.py")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_WORD.sub(module, text), encoding="utf-8")
