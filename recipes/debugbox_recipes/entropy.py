"""The sources of chance, and what stands in for each at a pinned line or at a level. In the program's process.

`functions` and `factor_of_method` say what an object that is called is about; `Supply` gives what is called instead.
"""

import calendar
import os
import random
import sys
import time
import zlib
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from .ordered import OrderedSet, left_over, shared, united

HASH_ORDER = "hash order"
RANDOM = "random numbers"
CLOCK = "clock"
ZONE = "time zone"
LISTING = "directory order"
ADDRESS = "addresses"
PROCESS = "process id"

_URANDOM, _SEED = os.urandom, random.Random.seed
_OF_TIME = """time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time process_time_ns gmtime
    asctime localtime ctime strftime mktime""".split()  # noqa: SIM905  # a word list
_OF_SECRETS = "choice randbelow randbits token_bytes token_hex token_urlsafe".split()  # noqa: SIM905
_SET_METHODS: Dict[str, Callable[..., List[Any]]] = {"union": united, "intersection": shared, "difference": left_over}
_NOW, _ZONED = {"now", "utcnow", "today"}, {"fromtimestamp"}
_EPOCH, _DAYS_APART = 1_700_000_000.0, 37.164  # levels are at other days, hours and seconds


def functions() -> Iterator[Tuple[Any, str]]:
    """Functions and classes, as far as their modules are loaded."""
    yield from ((each, HASH_ORDER) for each in (set, frozenset, hash, *(getattr(set, name) for name in _SET_METHODS)))
    yield id, ADDRESS
    yield os.urandom, RANDOM
    yield os.getpid, PROCESS
    yield from ((getattr(os, name), LISTING) for name in ("listdir", "scandir", "walk"))
    yield from _of("glob", ("glob", "iglob"), LISTING)
    yield from _of("time", _OF_TIME, CLOCK)
    yield from _of("uuid", ("uuid1", "uuid4"), RANDOM)
    yield from _of("secrets", _OF_SECRETS, RANDOM)
    yield from _of("random", [name for name in dir(random) if name[0].islower()] + ["Random"], RANDOM)
    yield from _of("numpy.random", ("default_rng", "RandomState", "SeedSequence"), RANDOM)


def _of(module: str, names: Iterable[str], factor: str) -> Iterator[Tuple[Any, str]]:
    loaded = sys.modules.get(module)
    for name in names if loaded is not None else ():
        found = getattr(loaded, name, None)
        if callable(found):
            yield found, factor


def factor_of_method(method: Any) -> str:
    """What a bound method is about, or ''."""
    owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
    if isinstance(owner, random.Random) or type(owner).__module__.startswith("numpy.random"):
        return RANDOM
    dates = sys.modules.get("datetime")
    if dates is not None and isinstance(owner, type) and issubclass(owner, dates.date):
        return CLOCK if name in _NOW else ZONE if name in _ZONED else ""
    paths = sys.modules.get("pathlib")
    if paths is not None and isinstance(owner, paths.Path) and name in ("iterdir", "glob", "rglob"):
        return LISTING
    return ""


class Stream:
    """Bits that are the same in every run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._made: Dict[str, Any] = {}

    @property
    def rng(self) -> random.Random:
        if "random" not in self._made:
            self._made["random"] = random.Random(self.name)
        return self._made["random"]  # type: ignore[no-any-return]

    def bytes(self, count: int) -> bytes:
        return self.rng.getrandbits(8 * count).to_bytes(count, "big") if count else b""

    def like(self, owner: Any) -> Any:
        """NumPy's generator of that class."""
        kind = type(owner).__name__
        if kind not in self._made:
            numpy = sys.modules["numpy.random"]
            seed = zlib.crc32(self.name.encode())
            self._made[kind] = numpy.RandomState(seed) if kind == "RandomState" else numpy.default_rng(seed)
        return self._made[kind]


class _Clock:
    """Each look at it takes the same time; a loop that waits for it comes to its end."""

    def __init__(self, level: int) -> None:
        self.start = _EPOCH + level * _DAYS_APART * 86_400
        self.step_s = 0.001 * (1 + abs(level))
        self.looks = 0

    def now(self) -> float:
        self.looks += 1
        return self.start + self.looks * self.step_s

    def read(self, name: str) -> Any:
        """What a function of `time` without arguments gives."""
        now = self.now()
        seconds = now if name.startswith("time") else now - self.start
        return int(seconds * 1e9) if name.endswith("_ns") else seconds


class Supply:
    """What lines get. `chance` says the level of each factor."""

    def __init__(self, chance: Any) -> None:
        self.chance = chance
        self._override: Optional[Stream] = None
        self._levels: Dict[int, Stream] = {}
        self._clocks: Dict[Optional[int], _Clock] = {}
        self._numbers: Dict[int, Tuple[int, Any]] = {}

    def install(self) -> None:
        """Entropy of the whole process: what libraries draw follows the level too."""
        os.urandom = self._entropy
        random._urandom = self._entropy  # type: ignore[attr-defined,unused-ignore]
        supply = self

        def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
            _SEED(self, supply.seed() if a is None else a, version)

        random.Random.seed = seed  # type: ignore[method-assign]
        random.seed = random._inst.seed
        if self.chance.level_of(RANDOM) is not None:
            random.seed()

    def seed(self) -> Optional[int]:
        return int.from_bytes(self._entropy(32), "big") if self._stream() is not None else None

    def _stream(self) -> Optional[Stream]:
        level = self.chance.level_of(RANDOM)
        if self._override is not None or level is None:
            return self._override
        return self._levels.setdefault(level, Stream(f"level {level}"))

    def _entropy(self, count: int) -> bytes:
        stream = self._stream()
        return stream.bytes(count) if stream is not None else _URANDOM(count)

    def instead_of(self, callee: Any, factor: str, site: Any) -> Any:
        """What is called at the site. Counts it."""
        name = getattr(callee, "__name__", "")
        if factor == CLOCK and name in ("mktime",):
            factor = ZONE
        site.count(factor)
        level = self.chance.level_of(factor)
        if site.pin:
            return _INSTEAD[factor](self, callee, name, site, None)
        if level is None or factor in (RANDOM, HASH_ORDER, ZONE):
            return self._first_uuid(callee, level) if name == "uuid1" and level is not None else callee
        return _INSTEAD[factor](self, callee, name, site, level)

    def _under(self, stream: Stream, callee: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            outer, self._override = self._override, stream
            try:
                return callee(*arguments, **named)
            finally:
                self._override = outer

        return call

    def _first_uuid(self, callee: Any, level: int) -> Any:
        stream = self._levels.setdefault(level, Stream(f"level {level}"))
        return lambda *_, **__: sys.modules["uuid"].UUID(bytes=stream.bytes(16), version=1)

    # --- by factor: at a pinned site (`level` None) or at a level

    def _random(self, callee: Any, name: str, site: Any, level: Optional[int]) -> Any:
        site.changed += 1
        owner = getattr(callee, "__self__", None)
        if name == "uuid1":
            return lambda *_, **__: sys.modules["uuid"].UUID(bytes=site.stream.bytes(16), version=1)
        if name != "seed" and isinstance(owner, random.Random) and hasattr(random.Random, name):
            return getattr(site.stream.rng, name)
        if name != "seed" and type(owner).__module__.startswith("numpy.random"):
            return getattr(site.stream.like(owner), name, callee)
        return self._under(site.stream, callee)

    def _clock(self, callee: Any, name: str, site: Any, level: Optional[int]) -> Any:
        clock = self._clocks.setdefault(level, _Clock(-1 if level is None else level))
        owner = getattr(callee, "__self__", None)
        local = time.localtime if level is not None else time.gmtime

        def instead(*arguments: Any, **named: Any) -> Any:
            given = [each for each in arguments if each is not None]
            if name in ("localtime", "gmtime", "ctime", "asctime") and given:
                return time.gmtime(*given) if name == "localtime" and level is None else callee(*arguments)
            if name == "strftime" and isinstance(owner, type(time)) and len(given) > 1:
                return callee(*arguments)
            site.changed += 1
            if name == "strftime":
                return time.strftime(arguments[0], local(clock.now()))
            if name in ("localtime", "gmtime"):
                return (local if name == "localtime" else time.gmtime)(clock.now())
            if name in ("ctime", "asctime"):
                return time.asctime(local(clock.now()))
            return clock.read(name) if not isinstance(owner, type) else _date(owner, name, clock, local, given, named)

        return instead

    def _zone(self, callee: Any, name: str, site: Any, level: Optional[int]) -> Any:
        def instead(*arguments: Any, **named: Any) -> Any:
            if len(arguments) > 1 or named:
                return callee(*arguments, **named)
            site.changed += 1
            if name == "mktime":
                return float(calendar.timegm(arguments[0]))
            return _in_utc(callee.__self__, arguments[0])

        return instead

    def _listing(self, callee: Any, name: str, site: Any, level: Optional[int]) -> Any:
        def ordered(found: List[Any]) -> List[Any]:
            inorder = sorted(found, key=lambda each: str(getattr(each, "path", each)))
            if level:
                random.Random(level * 1009 + len(inorder)).shuffle(inorder)
            site.changed += inorder != found
            return inorder

        def instead(*arguments: Any, **named: Any) -> Any:
            if name == "walk":
                return _walk(callee(*arguments, **named), ordered)
            found = callee(*arguments, **named)
            if name == "scandir":
                return _Scan(found, ordered)
            return ordered(found) if isinstance(found, list) else iter(ordered(list(found)))

        return instead

    def _address(self, callee: Any, name: str, site: Any, level: Optional[int]) -> Any:
        def number(thing: Any) -> int:
            if id(thing) not in self._numbers:  # it is held, so that its address is not another's later
                self._numbers[id(thing)] = (len(self._numbers) + 1, thing)
            site.changed += 1
            count = self._numbers[id(thing)][0]
            return (count * (2654435761 + 2 * level) ^ level) & 0xFFFFFFFF if level else count

        return number

    def _process(self, callee: Any, name: str, site: Any, level: Optional[int]) -> Any:
        site.changed += 1
        return lambda: 4242 + (level or 0)

    def _hash_order(self, callee: Any, name: str, site: Any, level: Optional[int]) -> Any:
        if callee is hash:
            return lambda thing: _stable(thing, site)
        return lambda first, *others: OrderedSet(_SET_METHODS[name](first, *others), site.seen)


_INSTEAD: Dict[str, Callable[..., Any]] = {
    RANDOM: Supply._random,
    CLOCK: Supply._clock,
    ZONE: Supply._zone,
    LISTING: Supply._listing,
    ADDRESS: Supply._address,
    PROCESS: Supply._process,
    HASH_ORDER: Supply._hash_order,
}


def _stable(thing: Any, site: Any) -> int:
    """A hash of text that does not follow the seed; anything else has its own."""
    if not isinstance(thing, (str, bytes)):
        return hash(thing)
    site.changed += 1
    return zlib.crc32(thing.encode("utf-8", "surrogatepass") if isinstance(thing, str) else thing)


def _date(
    owner: Any, name: str, clock: _Clock, local: Callable[..., Any], given: List[Any], named: Dict[str, Any]
) -> Any:
    now = clock.now()
    zone = (given or [named.get("tz")])[0]
    if zone is not None:
        return owner.fromtimestamp(now, zone)
    if name == "utcnow" or local is time.gmtime:
        return _in_utc(owner, now)
    return owner.fromtimestamp(now)


def _in_utc(owner: Any, seconds: float) -> Any:
    dates = sys.modules["datetime"]
    if not issubclass(owner, dates.datetime):
        return owner(*time.gmtime(seconds)[:3])
    return owner.fromtimestamp(seconds, dates.timezone.utc).replace(tzinfo=None)


def _walk(found: Iterator[Any], ordered: Callable[[List[Any]], List[Any]]) -> Iterator[Any]:
    for folder, folders, files in found:
        folders[:] = ordered(folders)
        yield folder, folders, ordered(files)


class _Scan:
    """What `os.scandir` gives, in another order."""

    def __init__(self, found: Any, ordered: Callable[[List[Any]], List[Any]]) -> None:
        with found:
            self._entries = iter(ordered(list(found)))

    def __iter__(self) -> Iterator[Any]:
        return self._entries

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> "_Scan":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())
