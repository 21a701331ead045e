"""A long conversation gives way to a fresh one, which begins with what was found; the kernel keeps its state."""

from debugbox.dialogue import Dialogue
from debugbox.endings import Stopped
from debugbox.errors import BoxGone, KernelDied
from debugbox.foreign import clean_line
from debugbox.hands import Bench
from debugbox.ledger import Ledger
from debugbox.model import OnEvent
from debugbox.shown import VARIABLES, Marker, fresh_start

HANDOVERS = 2  # because the context was full
HANDOVER_TOKENS = 100_000  # of context: beyond it a fresh conversation works better and costs less

_LONG = (
    "This conversation is long, a fresh one will take over. Write what it must know: what is shown, what is ruled out, "
    "what to do next. Only text; call nothing."
)


class Handover:
    """Starts fresh conversations. `opening` is the first message of the run, with which each of them begins."""

    def __init__(self, dialogue: Dialogue, bench: Bench, ledger: Ledger, marker: Marker, on_event: OnEvent) -> None:
        self._dialogue, self._bench, self._ledger = dialogue, bench, ledger
        self._marker, self._on_event = marker, on_event
        self._count = 0
        self.opening = ""

    @property
    def is_due(self) -> bool:
        return self._dialogue.context >= HANDOVER_TOKENS

    def because_full(self) -> Stopped | None:
        """The endpoint takes no more: what the cells gave must do."""
        if not self._bench.cells:
            sizes = f"{len(self.opening):,} characters, with a system prompt of {len(self._dialogue.system):,}"
            return Stopped(why=f"the first message is too long for the model: {sizes}", may_close=False)
        if self._count == HANDOVERS:
            return Stopped(why="the model's context is full again", may_close=False)
        self._count += 1
        return self._start_anew("the context is full", "")

    def with_a_note(self) -> Stopped | None:
        """Before the context is so long that it works worse: the model leaves a note for the one that takes over."""
        self._dialogue.say(_LONG)
        note = self._dialogue.ask()
        return self._start_anew(f"the context has {self._dialogue.context / 1000:.0f}k tokens", note.text)

    def _start_anew(self, why: str, note: str) -> Stopped | None:
        self._on_event("note", text=f"{why}: a fresh conversation takes over")
        try:
            self._bench.run_cell(VARIABLES, purpose="the variables that live in the kernel")
        except (BoxGone, KernelDied) as err:
            return Stopped(why=f"the box is gone: {clean_line(err.cause)[:300]}")
        found = "\n\n".join(part for part in (note, self._ledger.digest()) if part)
        self._dialogue.start(fresh_start(self.opening, found, self._bench.cells, self._marker))
        return None
