"""Which engine and which model a run gets, from its settings and what answers on this machine; said in words."""

from collections.abc import Callable

from debugbox.bill import load_prices
from debugbox.endpoint import credentials_present
from debugbox.engines import Engine
from debugbox.engines.bubblewrap import BubblewrapEngine
from debugbox.engines.docker import DockerEngine
from debugbox.errors import EngineUnavailable, NoEngine
from debugbox.model import AnthropicModel
from debugbox.settings import Settings


def choose_model(settings: Settings, note: Callable[[str], None]) -> AnthropicModel | None:
    """The agent's model where there are credentials (or one was asked for), else None."""
    if settings.use_model is False:
        return None
    if settings.use_model is None and not credentials_present():
        note("no credentials for a model: a recipe investigates by itself (--model NAME asks for one)")
        return None
    load_prices(settings.prices_file)  # what is wrong with the user's own is told before anything is paid
    AnthropicModel.start_import()  # it takes longer than the box's start, so it begins now
    model = AnthropicModel(settings.model, effort=settings.effort, base_url=settings.base_url)
    _say_what_leaves(settings, model, note)
    return model


def _say_what_leaves(settings: Settings, model: AnthropicModel, note: Callable[[str], None]) -> None:
    """Once per user: where the question and the cells' output go."""
    told = settings.state_dir / "told-what-leaves"
    if told.exists():
        return
    endpoint = model.describe().endpoint or "api.anthropic.com"
    note(f"What leaves this machine: your question, file names, what the cells print and plot; it goes to {endpoint}.")
    note("Nothing else does: the box has no network. `debugbox ask --dry-run` lists what goes into the box.")
    told.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    told.touch()


def choose_engine(settings: Settings, note: Callable[[str], None]) -> Engine:
    """Docker where it answers; else, in words, the embedded engine; a named one or none.

    Raises:
        EngineUnavailable: the one that was asked for does not answer.
        NoEngine: none does.
    """
    no_docker = DockerEngine.answers() if settings.engine != "bubblewrap" else "not asked for"
    if no_docker is None:
        return _swept(DockerEngine.connect(), note)
    if settings.engine == "docker":
        raise EngineUnavailable("docker", no_docker)
    embedded = BubblewrapEngine(settings.cache_dir)
    no_bubblewrap = embedded.answers()
    if no_bubblewrap is None:
        if settings.engine == "auto":
            note("no Docker engine answers: the embedded engine protects against accidents, not against hostile code")
        return _swept(embedded, note)
    if settings.engine == "bubblewrap":
        raise EngineUnavailable("bubblewrap", no_bubblewrap)
    raise NoEngine(f"docker: {no_docker}; bubblewrap: {no_bubblewrap}")


def _swept(engine: Engine, note: Callable[[str], None]) -> Engine:
    """The second net: what a killed run could not take with it goes at the start of the next."""
    if swept := engine.sweep():
        note(f"removed what killed runs had left: {len(swept)} containers, cgroups or half-built environments")
    return engine
