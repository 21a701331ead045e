"""What happens in a run with a model, for whoever wants to see it: a terminal, a log, the journal.

turn_started  turn, of                    a request goes out
thinking      text                        a piece of the model's notes, as they stream in
text          text                        a piece of its answer
writing       characters                  it is writing a call: how much of the reply has come so far
retry         why, left_s, retry, of      the request failed, and is repeated in left_s; told every second
dropped       why, usage                  a reply was thrown away; its tokens are on the bill
usage         line, turn, context_tokens, cached_share, cost_usd, max_cost_usd, elapsed_s
tool_called   tool, purpose, code_lines   a call begins; for `conclude`, purpose is "" and code_lines 0
cell_finished cell                        the frozen Cell
established   text                        the symptom, an intervention tried, a hypothesis
note          text                        anything else worth a line: a nudge, a conclusion that goes back
concluded     conclusion                  once, at the end
"""

from typing import Any, Protocol


class OnEvent(Protocol):
    """Called for everything a person may want to see, by the names above. Of several agents: from several threads."""

    def __call__(self, name: str, /, **data: Any) -> None: ...


def silent(name: str, /, **data: Any) -> None:
    """For runs that nobody watches."""
