"""Which command to run and which values to watch, from the words of the question. Runs in the box, in the kernel."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, List, Optional, Tuple

from debugbox_recipes.sinks import Sink, find_sinks, words_of

MAX_CANDIDATES = 60
MAX_FILES = 2000
_CLOSE = 0.75  # of the best match: a watch that matches worse is another value
_STOP = frozenset(
    """a an and after at away by can change changes come computed does do drift drifts drifting error far from get gets
    go goes has have how in is it its more my not of off on or our over right s so some than that the their then this
    time to too up value values was what when where which who why with wrong""".split()  # noqa: SIM905  # a word list
)


@dataclass(frozen=True)
class Candidates:
    """Watches to try, each with how well its words match the question (0 for a fallback), and why these."""

    scores: Dict[str, float]
    sinks: Dict[str, Sink]
    why: str


def question_words(question: Optional[str]) -> FrozenSet[str]:
    return words_of(question or "") - _STOP


def _same(asked: str, word: str) -> bool:
    """Equal, or one the beginning of the other (`temp`, `temperature`; `energies`, `energy`)."""
    shorter, longer = sorted((asked, word), key=len)
    if asked == word or (len(shorter) >= 3 and longer.startswith(shorter)):
        return True
    return len(shorter) >= 5 and longer.startswith(shorter[:-1])


def _matches(asked: Iterable[str], words: Iterable[str]) -> int:
    words = list(words)
    return sum(any(_same(one, word) for word in words) for one in asked)


def score(sink: Sink, asked: FrozenSet[str]) -> float:
    """Words of the question in the sink's own name or text count 1, in its surroundings 0.4."""
    named = _matches(asked, sink.words)
    around = _matches(asked, sink.context - sink.words)
    return named + 0.4 * around if named else 0.0


def sinks_of_files(repo: Path, files: Iterable[str]) -> Tuple[List[Sink], List[str]]:
    """The sinks of these files, and the files that could not be read or parsed."""
    sinks, failed = [], []
    for file in files:
        try:
            tree = ast.parse((repo / file).read_bytes())
        except (OSError, SyntaxError, ValueError):
            failed.append(file)
            continue
        sinks += [sink for _, sink in find_sinks(tree, file)]
    return sinks, failed


def candidates(sinks: List[Sink], question: Optional[str], watch: Optional[str]) -> Candidates:
    """The watch that was given; else what matches the question; else everything that is printed."""
    by_watch = {sink.watch: sink for sink in sinks}
    if watch is not None:
        known = {watch: by_watch[watch]} if watch in by_watch else {}
        return Candidates({watch: 1.0}, known, "it was named")
    asked = question_words(question)
    scores = {name: score(sink, asked) for name, sink in by_watch.items()}
    best = max(scores.values(), default=0.0)
    if best > 0:
        chosen = sorted((n for n in scores if scores[n] >= _CLOSE * best), key=lambda n: -scores[n])
        why = f"its name or text matches the question ({', '.join(sorted(asked))})"
        return Candidates({n: scores[n] for n in chosen[:MAX_CANDIDATES]}, by_watch, why)
    printed = [name for name, sink in by_watch.items() if sink.kind == "print"] or list(by_watch)
    why = "no name matches the question; of the values the program prints, it deviates most"
    return Candidates(dict.fromkeys(printed[:MAX_CANDIDATES], 0.0), by_watch, why)


def source_files(repo: Path) -> List[str]:
    """The repository's own Python files, shallow ones first."""
    found = []
    for path in repo.rglob("*.py"):
        parts = path.relative_to(repo).parts
        if not any(p.startswith(".") or p in ("site-packages", "node_modules", "venv") for p in parts):
            found.append("/".join(parts))
        if len(found) >= MAX_FILES:
            break
    return sorted(found, key=lambda file: (file.count("/"), file))


def choose_command(repo: Path, question: Optional[str]) -> Tuple[Optional[str], str]:
    """A command that runs a script of the repository, and why this one; (None, why not)."""
    asked = question_words(question)
    ranked = []
    for position, file in enumerate(source_files(repo)):
        text = (repo / file).read_text("utf-8", "replace")
        name = file.rsplit("/", 1)[-1]
        usual = name in ("run.py", "main.py", "__main__.py", "demo.py") or "example" in file
        if "__name__" not in text and not usual:
            continue
        if "test" in file:
            continue
        named = _matches(asked, words_of(file)) + 0.5 * _matches(asked, words_of(text))
        ranked.append((-named, not usual, position, file))
    if not ranked:
        return None, "no script with a __main__ block, run.py, main.py or example was found"
    file = min(ranked)[-1]
    others = f", of {len(ranked)} scripts" if len(ranked) > 1 else ""
    return f"python {file}", f"{file} can be run and fits the question best{others}"
