"""The pairs of interpreter and ipykernel that the contract is run with.

By default one full pair per engine: what an environment without requirements resolves to. With DEBUGBOX_PAIRS=all
every pair that exists, as far as the engine has the interpreter.
"""

import os
from dataclasses import dataclass

import pytest
from packaging.specifiers import SpecifierSet

from debugbox.boxfiles import box_files_hash
from debugbox.engines import Engine, Environment, EnvironmentPlan
from debugbox.errors import NoBaseImage, NoInterpreter


@dataclass(frozen=True, kw_only=True)
class Pair:
    """`python` "3.9" or "" for the engine's choice; `requirements` on top of the kernel stack."""

    python: str = ""
    requirements: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join((self.python or "default", *self.requirements)).replace("==", "")


DEFAULT = Pair()
OLD, NEW = "ipykernel==6.29.5", "ipykernel>=7,<8"
ALL = (
    *(Pair(python=f"3.{minor}", requirements=(OLD,)) for minor in range(9, 14)),
    *(Pair(python=f"3.{minor}", requirements=(NEW,)) for minor in range(11, 14)),
)
PAIRS = ALL if os.environ.get("DEBUGBOX_PAIRS") == "all" else (DEFAULT,)


def environment_of(engine: Engine, pair: Pair) -> Environment:
    """The pair's environment, built once per machine and box files. Skips the test where the engine cannot."""
    try:
        python = engine.interpreter(SpecifierSet(), pair.python or None)
        if pair.python not in ("", python):  # an engine that lacks it may offer another
            raise NoInterpreter(pair.python, python)
        name = "".join(each for each in f"{python}{pair}" if each.isalnum())
        plan = EnvironmentPlan(key=f"test{box_files_hash()[:16]}{name}", python=python, requirements=pair.requirements)
        return engine.find(plan) or engine.build(plan, lambda line: None)
    except (NoInterpreter, NoBaseImage) as missing:
        pytest.skip(f"{engine.name}, {pair}: {missing}")
