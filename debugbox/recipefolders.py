"""Recipes that a repository (`.debugbox/recipes/`) or a user (`recipes/` beside the configuration) brings.

They run in the box like everything else. Only the built-in ones are the tool's own word: see `recipes`.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from debugbox.recipes import Card, parse_card, read_cards
from debugbox.snapshot import Snapshot

IN_REPOSITORY = ".debugbox/recipes"
YOURS, THEIRS = "yours", "the repository's"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CARD_BYTES, _MOST_CARDS = 64 << 10, 50
_CARD_OF_SNAPSHOT = re.compile(re.escape(IN_REPOSITORY) + r"/([^/]+)/SKILL\.md")


def all_cards(snapshot: Snapshot, user_folder: Path) -> tuple[Card, ...]:
    """The cards that a question in this snapshot can choose from; of one name the first: ours, the user's, theirs."""
    return _first_of_each_name(
        (*read_cards(), *cards_below(user_folder, YOURS), *_cards_of_snapshot(snapshot)),
    )


def trusted_cards(user_folder: Path) -> tuple[Card, ...]:
    """Ours and the user's: what a model may be told as instructions. A repository's cards are data."""
    return _first_of_each_name((*read_cards(), *cards_below(user_folder, YOURS)))


def cards_on_disk(repository: Path, user_folder: Path) -> tuple[Card, ...]:
    """The same from the folders as they are, for lists."""
    theirs = cards_below(repository / IN_REPOSITORY, THEIRS)
    return _first_of_each_name((*read_cards(), *cards_below(user_folder, YOURS), *theirs))


def cards_below(folder: Path, origin: str) -> tuple[Card, ...]:
    """The cards of the recipes in a folder, by name; what is no file of a fitting size and name is none."""

    paths = sorted(folder.glob("*/SKILL.md"))[:_MOST_CARDS] if folder.is_dir() else []
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    return tuple(_cards(((path.parent.name, path.read_bytes()) for path in files), origin))


def _cards_of_snapshot(snapshot: Snapshot) -> tuple[Card, ...]:
    found = [(match[1], path) for path in snapshot.files if (match := _CARD_OF_SNAPSHOT.fullmatch(path))]
    read = ((name, snapshot.read(path) or b"") for name, path in found[:_MOST_CARDS])
    return tuple(_cards(read, THEIRS))


def _cards(found: Iterable[tuple[str, bytes]], origin: str) -> Iterator[Card]:
    for name, content in found:
        if NAME.fullmatch(name) and 0 < len(content) <= _CARD_BYTES:
            yield parse_card(name, content.decode("utf-8", "replace"), origin)


def _first_of_each_name(cards: tuple[Card, ...]) -> tuple[Card, ...]:
    return tuple({card.name: card for card in reversed(cards)}[name] for name in dict.fromkeys(c.name for c in cards))
