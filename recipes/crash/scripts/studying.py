"""The investigation: does it crash alike, where does the bad value come from, does another help. In the kernel."""

from typing import Any, Dict, List, Mapping, Optional, Tuple

from debugbox_recipes.harness import Program
from debugbox_recipes.source import Source

from .measuring import Measuring
from .study import Hop, Study, Trial, hops_of

_CONTROLS = 2
_OF_METHOD: Tuple[Tuple[type, Any], ...] = ((str, ""), (dict, {}), (list, []))


def carry_out(program: Program, question: Optional[str], limit_s: float) -> Study:
    """See and try all that the time allows."""
    study = Study(program, question, Source(program.repo))
    measuring = Measuring(program, limit_s)
    for step in (_reproduce, _walk_back, _intervene, _control):
        step(study, measuring)
        if study.stopped:
            break
    return study


def _reproduce(study: Study, measuring: Measuring) -> None:
    study.native = [measuring.native(), measuring.native()]
    first, second = study.native
    if first.run.exit_code == 127:
        study.stopped = f"the command cannot be run: {first.run.failure}"
    elif first.well and second.well:
        study.stopped = "the program ends well"
    elif first.run.timed_out or second.run.timed_out:
        study.stopped = "the program does not end (the recipe hang looks into that)"
    elif (first.exception, first.file) != (second.exception, second.file):
        study.stopped = "two runs end differently: it depends on chance"
    elif not first.exception:
        how = first.run.failure
        if (first.run.exit_code or 0) < 0:
            how = f"it is killed by signal {-(first.run.exit_code or 0)}, in code that is not Python"
        study.stopped = f"it ends without a Python exception: {how}"


def _walk_back(study: Study, measuring: Measuring) -> None:
    done = measuring.with_history()
    study.crash = done.crash
    first = study.native[0]
    if not study.crash or study.exception != first.exception:
        said = study.exception or "no exception"
        study.stopped = f"written down, the program ends with {said}, by itself with {first.exception}"
        return
    study.chain = hops_of(study.crash)
    if study.crash.get("trouble"):
        study.stopped = f"the way back could not be followed ({study.crash['trouble']})"
    elif not study.chain and study.crash.get("frames"):
        file, line, function = study.crash["frames"][0]
        study.chain = [Hop(file, line, function, "", -1)]
        study.limits.append(f"no way back was followed: {study.crash.get('end', '')}")
    elif not study.chain:
        study.stopped = "no line of the repository is in the traceback"
    elif not study.source.quote(study.origin.file, study.origin.line):
        study.stopped = "the value comes from outside the repository"
    sites = [Hop(file, line, "", "", nth) for file, line, nth in done.sites]
    named = {str(hop) for hop in study.chain}
    study.others = sorted({str(s): s for s in sites if str(s) not in named}.values(), key=str)


def _intervene(study: Study, measuring: Measuring) -> None:
    """Another value at the place nearest to the origin where one can be put, then nearer to the crash."""
    literal = stand_in(study)
    if literal is None:
        study.limits.append("no other value is known that could be put in the bad one's place")
        return
    for hop in [hop for hop in study.chain[:0:-1] if hop.nth >= 0][:3]:
        done = measuring.exchanged([place_of(study, hop, literal)])
        study.trials.append(Trial(hop, literal, done))
        if study.proof is not None:
            return


def stand_in(study: Study) -> Any:
    """A value that one of these places gave at another time; else one of the type that is asked for."""
    if study.crash.get("other") is not None:
        return study.crash["other"]
    if study.bad.get("type") == "NoneType":
        message, text = str(study.crash["message"]), study.chain[0].text
        attribute = message.rpartition("attribute '")[2].rstrip("'") if "attribute '" in message else ""
        if attribute:
            return next((value for kind, value in _OF_METHOD if hasattr(kind, attribute)), None)
        for words, value in (
            ("'float'", 1.0),
            ("'int'", 1),
            ("'str'", ""),
            ("str:", ""),
            ("iterable", []),
            ("len()", []),
        ):
            if words in message and text:
                return value
    return 1 if study.exception == "ZeroDivisionError" else None


def place_of(study: Study, hop: Hop, literal: Any) -> Dict[str, Any]:
    quote = study.source.quote(hop.file, hop.line)
    return {"file": hop.file, "line": hop.line, "quote": quote, **how(study, hop, literal)}


def how(study: Study, hop: Hop, literal: Any) -> Mapping[str, Any]:
    return {
        "nth": hop.nth,
        "kinds": ["Assign", "Return"],
        "literal": literal,
        "instead_of": study.bad.get("type", "any"),
    }


def _control(study: Study, measuring: Measuring) -> None:
    """Values elsewhere, a little changed: it must crash as before."""
    if study.proof is None:
        return
    functions = {hop.function.rpartition(".")[-1] for hop in study.chain}
    elsewhere: List[Hop] = sorted(
        study.others,
        key=lambda hop: (study.source.function_at(hop.file, hop.line).rpartition(".")[-1] in functions, str(hop)),
    )
    study.others = elsewhere
    for hop in elsewhere[: 3 * _CONTROLS]:
        if sum(trial.control for trial in study.trials) == _CONTROLS or measuring.left_s < 5:
            return
        place = {"file": hop.file, "line": hop.line, "quote": study.source.quote(hop.file, hop.line), "nth": hop.nth}
        done = measuring.exchanged([place])
        if done.well or done.same(study.exception, study.file):
            study.trials.append(Trial(hop, None, done, control=True))
