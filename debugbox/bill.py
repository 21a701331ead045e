"""What a run's replies cost: tokens by kind, and money where a price is known. Between `model` and `agent`.

The prices stand in `prices.json`, with the day they were read. A model without a price, or an endpoint
that is not the provider's own, is counted in tokens only: its cost is None, never 0.
"""

import json
import re
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from debugbox.errors import BadSettings
from debugbox.finding import Cost

CACHE_LIFE_S = 300  # of the moving part, counted from the request
LEAST_MISS = 4_000  # tokens: below that a miss costs nothing to speak of
# What may follow a known id and still be that model: a date, `-latest`, a deployment's or a window's tag.
# `claude-opus-5` must not lend its price to `claude-opus-5-7`, which may cost anything.
_SAME_MODEL = re.compile(r"(-\d{8}|-latest|@.*|\[.*\])?")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one reply. `input` is what was neither read from nor written to the cache.

    `output` includes `thinking`.
    """

    input: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    output: int = 0
    thinking: int = 0

    @property
    def context(self) -> int:
        """Tokens of the request, from wherever they came."""
        return self.input + self.cache_write_5m + self.cache_write_1h + self.cache_read

    def __add__(self, other: "Usage") -> "Usage":
        mine, theirs = asdict(self), asdict(other)
        return Usage(**{kind: mine[kind] + theirs[kind] for kind in mine})


NO_TOKENS = Usage()


@dataclass(frozen=True, kw_only=True)
class Price:
    """USD per million tokens, for requests of up to `to_tokens` tokens (None: of any length)."""

    input: float
    cache_write_5m: float
    cache_write_1h: float
    cache_read: float
    output: float
    to_tokens: int | None = None

    def input_usd(self, usage: Usage) -> float:
        """The request's side of a reply."""
        kinds = ("input", "cache_write_5m", "cache_write_1h", "cache_read")
        total: float = sum(getattr(usage, kind) * getattr(self, kind) for kind in kinds)
        return total / 1e6

    def usd(self, usage: Usage) -> float:
        return self.input_usd(usage) + usage.output * self.output / 1e6


@dataclass(frozen=True, kw_only=True)
class Prices:
    """The price table: model id to its bands, the shortest first."""

    checked: str
    models: dict[str, tuple[Price, ...]]

    def bands_of(self, model: str) -> tuple[Price, ...]:
        """The bands of the longest known id that `model` begins with; empty where none is known."""
        known = [name for name in self.models if model.startswith(name) and _SAME_MODEL.fullmatch(model[len(name) :])]
        return self.models[max(known, key=len)] if known else ()


def load_prices(own: Path | None = None) -> Prices:
    """The table in the package; entries of the user's file `own` (same shape) replace or join it.

    Raises BadSettings where `own` cannot be read as a price table.
    """
    packaged = _read_prices(Path(__file__).with_name("prices.json").read_text("utf-8"))
    if own is None:
        return packaged
    try:
        mine = _read_prices(own.read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise BadSettings(str(own), f"not a price table ({err!r})") from err
    return Prices(checked=mine.checked, models=packaged.models | mine.models)


def _read_prices(text: str) -> Prices:
    table: dict[str, Any] = json.loads(text)
    models = {name: tuple(Price(**band) for band in bands) for name, bands in table["models"].items()}
    return Prices(checked=str(table.get("checked", "")), models=models)


class Bill:
    """Adds up a run's replies. The one thing here that changes.

    `endpoint` is empty for the provider's own; any other has prices of its own, so it gets none.
    """

    def __init__(self, model: str, *, endpoint: str = "", prices: Prices) -> None:
        self.model = model
        self.endpoint = endpoint
        self.total = Usage()
        self.last = Usage()
        self._bands = () if endpoint else prices.bands_of(model)
        self._usd = 0.0
        self.dropped = Usage()  # what came of replies that broke off, also part of the total
        self.broken = 0  # how many did
        self.repeated = 0  # requests that went out again
        self.waited_s = 0.0  # before them
        self.misses: list[str] = []  # of the cache, each in words
        self.pictures: list[int] = []  # tokens of each picture when it was first sent
        self.pictures_again = 0  # tokens of pictures on later turns
        self._pictures_here = 0  # tokens of the pictures in this conversation

    def add_dropped(self, usage: Usage) -> None:
        """Count what came of a reply that broke off: it is paid for all the same."""
        self.broken += 1
        self.dropped += usage
        self._count(usage)

    def add_repeated(self) -> None:
        """Count a request that goes out again."""
        self.repeated += 1

    def add_pictures(self, tokens: Sequence[int]) -> None:
        """Count the pictures that the next request adds; the others of its conversation are read again."""
        self.pictures_again += self._pictures_here
        self.pictures += tokens
        self._pictures_here += sum(tokens)

    def start_anew(self) -> None:
        """A fresh conversation: the old one's pictures are not sent any more, and its cache is not read."""
        self._pictures_here, self.last = 0, Usage()

    def add(self, usage: Usage, pause_s: float = 0.0, *, during: str = "", told: str = "") -> None:
        """Count a reply. `pause_s` is how long before it the last one was asked for: a cache lives minutes.

        `during` says what took that time, `told` what the endpoint says of a miss.
        """
        self._note_miss(usage, pause_s, during, told)
        self._count(usage)

    def _count(self, usage: Usage) -> None:
        self.total += usage
        self.last = usage if usage.context else self.last
        if price := self._price(usage.context):
            self._usd += price.usd(usage)

    def _note_miss(self, usage: Usage, pause_s: float, during: str, told: str) -> None:
        """What was in the cache is read from it, or it was written anew at a multiple of the price."""
        known = self.last.cache_read + self.last.cache_write_5m + self.last.cache_write_1h
        again = known - usage.cache_read
        if known < LEAST_MISS or usage.context < known or again < known / 2:
            return
        price = self._price(usage.context)
        extra = f", about ${again * (price.cache_write_5m - price.cache_read) / 1e6:.2f} more" if price else ""
        cause = told or "for a reason not told"
        if pause_s > CACHE_LIFE_S:
            cause = f"after a pause of {pause_s / 60:.0f} min{f' ({during})' if during else ''}"
        self.misses.append(f"{_thousands(again)} tokens written to the cache again {cause}{extra}")

    def together_with(self, others: "Sequence[Bill]") -> "Bill":
        """One bill of several agents; the last request stays this one's."""
        whole = copy(self)
        for other in others:
            whole.total += other.total
            whole.dropped += other.dropped
            whole.broken += other.broken
            whole.repeated += other.repeated
            whole.waited_s += other.waited_s
            whole.misses = [*whole.misses, *other.misses]
            whole.pictures = [*whole.pictures, *other.pictures]
            whole.pictures_again += other.pictures_again
            whole._usd += other._usd
        return whole

    def lines(self) -> list[str]:
        """The bill for people, at the end: tokens by kind, and what is usually hidden."""
        total = self.total
        kinds = {
            "new": total.input,
            "written to the cache": total.cache_write_5m + total.cache_write_1h,
            "read from it": total.cache_read,
            "output": total.output,
        }
        said = ", ".join(f"{_thousands(count)} {kind}" for kind, count in kinds.items())
        thinking = f" ({_thousands(total.thinking)} of it thinking)" if total.thinking else ""
        cost = f"${self.cost_usd:.2f}" if self.cost_usd is not None else "no price known"
        hidden = (self._words_of_pictures(), self._words_of_retries(), self._words_of_broken())
        misses = [f"cache miss: {miss}" for miss in self.misses]
        return [f"tokens: {said}{thinking}; {cost}", *misses, *(words for words in hidden if words)]

    def _words_of_pictures(self) -> str:
        if not self.pictures:
            return ""
        first, again = sum(self.pictures), self.pictures_again
        price = self._price(self.last.context)
        usd = (first * price.cache_write_5m + again * price.cache_read) / 1e6 if price else 0.0
        cost = f", about ${usd:.3f}" if price else ""
        return f"plots: {len(self.pictures)}, {_thousands(first)} tokens, on later turns {_thousands(again)} more{cost}"

    def _words_of_retries(self) -> str:
        if not self.repeated:
            return ""
        requests = "1 request was" if self.repeated == 1 else f"{self.repeated} requests were"
        return f"retries: {requests} repeated, after {self.waited_s:.0f} s of waiting"

    def _words_of_broken(self) -> str:
        if not self.broken:
            return ""
        replies = "1 reply was" if self.broken == 1 else f"{self.broken} replies were"
        tokens = _thousands(self.dropped.context + self.dropped.output)
        return f"dropped: {replies} paid for and not used, {tokens} tokens"

    @property
    def cost_usd(self) -> float | None:
        return self._usd if self._bands else None

    @property
    def cached_share(self) -> float:
        """How much of the last request was read from the cache, in 0..1."""
        return self.last.cache_read / self.last.context if self.last.context else 0.0

    def affordable_output(self, left_usd: float) -> int | None:
        """Tokens of one more reply that `left_usd` buys; None where no price is known. May be negative.

        The request is assumed to cost what the last one did: a cache that expires meanwhile costs more.
        """
        price = self._price(self.last.context)
        if price is None:
            return None
        return int((left_usd - price.input_usd(self.last)) / price.output * 1e6)

    def next_usd(self, output_tokens: int) -> float:
        """What a reply of that length costs on the last request's context; 0 where no price is known."""
        price = self._price(self.last.context)
        return price.usd(replace(self.last, output=output_tokens)) if price else 0.0

    def as_cost(self, *, duration_s: float, turns: int, cells: int) -> Cost:
        """The record's entry."""
        return Cost(
            duration_s=duration_s,
            model=self.model,
            endpoint=self.endpoint,
            turns=turns,
            cost_usd=self.cost_usd,
            tokens=asdict(self.total),
            cells=cells,
        )

    def line(self, *, turn: int, max_cost_usd: float, elapsed_s: float) -> str:
        """For people: `turn 7 · 41k context (92 % cached) · $0.31 of $2.00 · 2m10s`."""
        if self.cost_usd is None:
            spent = f"{_thousands(self.total.context + self.total.output)} tokens, no price known"
        else:
            spent = f"${self.cost_usd:.2f} of ${max_cost_usd:.2f}"
        minutes, seconds = divmod(int(elapsed_s), 60)
        context = f"{_thousands(self.last.context)} context ({self.cached_share:.0%} cached)".replace("%", " %")
        return f"turn {turn} · {context} · {spent} · {minutes}m{seconds:02d}s"

    def _price(self, context: int) -> Price | None:
        fitting = (band for band in self._bands if band.to_tokens is None or context <= band.to_tokens)
        return next(fitting, None)


def _thousands(tokens: int) -> str:
    return str(tokens) if tokens < 1000 else f"{tokens / 1000:.0f}k"
