"""From manifests to a plan: which interpreter, which requirements, what stays out; the plan's key is its content."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from debugbox.engines import BoxSize, Environment, EnvironmentPlan, OwnImage, Progress, Transport
from debugbox.environment import import_roots, plan_environment, prepare_environment
from debugbox.errors import BadSettings, DebianPackagesFailed, NoInterpreter, RequirementsUnresolvable
from debugbox.settings import Limits, Settings
from debugbox.snapshot import Snapshot, take_snapshot


class FakeEngine:
    """An engine that has 3.11 and 3.13 and whose builds take as long as the test says."""

    name = "fake"
    installs_debian = True

    def own_image(self, name: str) -> OwnImage:
        return OwnImage(id=f"sha256:{name}", python="3.12", interpreter="/opt/python")

    def __init__(self) -> None:
        self.built: list[EnvironmentPlan] = []
        self.building: Callable[[], None] = lambda: None

    def answers(self) -> str | None:
        return None

    def describe(self) -> str:
        return "fake"

    def interpreter(self, wanted: SpecifierSet, preferred: str | None) -> str:
        fitting = [each for each in ("3.13", "3.11") if wanted.contains(f"{each}.0")]
        if not fitting:
            raise NoInterpreter(str(wanted), "3.11, 3.13")
        return preferred if preferred in fitting else fitting[0]

    def find(self, plan: EnvironmentPlan) -> Environment | None:
        done = [each for each in self.built if each.key == plan.key]
        return Environment(key=plan.key, engine=self.name, reference="", python=plan.python) if done else None

    def build(self, plan: EnvironmentPlan, progress: Progress) -> Environment:
        self.building()
        self.built.append(plan)
        return Environment(key=plan.key, engine=self.name, reference="", python=plan.python)

    def start(self, environment: Environment, size: BoxSize) -> Transport:
        raise AssertionError("no box is started here")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(repository=tmp_path / "repository")


def snapshot_of(settings: Settings, **files: str) -> Snapshot:
    for name, content in files.items():
        path = settings.repository / name.replace("__", "/").replace("_txt", ".txt").replace("_toml", ".toml").replace(
            "_py", ".py"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return take_snapshot(settings.repository, Limits())


def test_requirement_files_and_project_dependencies_are_wanted(settings: Settings) -> None:
    snapshot = snapshot_of(
        settings,
        requirements_txt="numpy>=1.20\n-e .\n.\n-r more.txt\n./\n-e .[test]\nrich  # colours\n",
        pyproject_toml='[project]\nname = "my-app"\ndependencies = ["click>=8", "my_app[extra]", "attrs"]\n',
        app_py="",
    )
    plan = plan_environment(snapshot, FakeEngine(), settings)
    assert plan.requirements == ("-r requirements.txt", "click>=8", "attrs")
    assert plan.manifests["requirements.txt"] == b"numpy>=1.20\n-r more.txt\nrich  # colours\n"


def test_the_key_follows_the_content_and_nothing_else(settings: Settings) -> None:
    engine = FakeEngine()
    first = plan_environment(snapshot_of(settings, requirements_txt="six\n", app_py="1"), engine, settings)
    same = plan_environment(snapshot_of(settings, app_py="2"), engine, settings)
    other = plan_environment(snapshot_of(settings, requirements_txt="six==1.16\n"), engine, settings)
    extra = plan_environment(snapshot_of(settings), engine, replace(settings, extra_packages=("attrs",)))
    assert first.key == same.key and len({first.key, other.key, extra.key}) == 3


def test_no_dependencies_means_none(settings: Settings) -> None:
    snapshot = snapshot_of(settings, requirements_txt="six\n", app_py="")
    assert plan_environment(snapshot, FakeEngine(), replace(settings, dependencies=False)).requirements == ()


def test_requires_python_chooses_and_an_impossible_one_is_an_error(settings: Settings) -> None:
    snapshot = snapshot_of(settings, pyproject_toml='[project]\nname = "a"\nrequires-python = ">=3.9,<3.12"\n')
    assert plan_environment(snapshot, FakeEngine(), settings).python == "3.11"
    snapshot = snapshot_of(settings, pyproject_toml='[project]\nname = "a"\nrequires-python = "<3"\n')
    with pytest.raises(NoInterpreter):
        plan_environment(snapshot, FakeEngine(), settings)


def test_a_pinned_interpreter_is_taken_or_the_nearest_with_a_word(settings: Settings) -> None:
    (settings.repository).mkdir()
    (settings.repository / ".python-version").write_text("3.11.4\n")
    assert plan_environment(snapshot_of(settings, a_py=""), FakeEngine(), settings).python == "3.11"
    (settings.repository / ".python-version").write_text("3.12\n")
    environment = prepare_environment(snapshot_of(settings), FakeEngine(), settings, lambda line: None)
    assert environment.python == "3.13" and "pins Python 3.12" in environment.notes[0]


def test_an_interpreter_that_was_asked_for_is_had_or_refused(settings: Settings) -> None:
    snapshot = snapshot_of(settings, a_py="")
    assert plan_environment(snapshot, FakeEngine(), replace(settings, python="3.11")).python == "3.11"
    with pytest.raises(NoInterpreter):
        plan_environment(snapshot, FakeEngine(), replace(settings, python="3.4"))
    with pytest.raises(BadSettings):
        plan_environment(snapshot, FakeEngine(), replace(settings, python="new"))


@pytest.mark.parametrize(
    "text", ["[project\n", '[project]\ndependencies = ["???"]\n', '[project]\nrequires-python = "new"\n']
)
def test_a_broken_manifest_is_a_clear_error(settings: Settings, text: str) -> None:
    with pytest.raises(BadSettings, match=r"pyproject\.toml"):
        plan_environment(snapshot_of(settings, pyproject_toml=text), FakeEngine(), settings)


def test_two_runs_at_once_build_once(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUGBOX_CACHE_DIR", str(tmp_path / "cache"))
    engine, snapshot = FakeEngine(), snapshot_of(settings, a_py="")
    started, go_on, said = threading.Event(), threading.Event(), []

    def slow() -> None:
        started.set()
        assert go_on.wait(10)

    engine.building = slow
    first = threading.Thread(target=prepare_environment, args=(snapshot, engine, settings, said.append))
    first.start()
    assert started.wait(10)
    second = threading.Thread(target=prepare_environment, args=(snapshot, engine, settings, said.append))
    second.start()
    deadline = time.monotonic() + 10
    while not said and time.monotonic() < deadline:
        time.sleep(0.01)
    go_on.set()
    first.join(10), second.join(10)
    assert len(engine.built) == 1 and "waiting for it" in said[0]


def test_a_src_layout_is_importable_without_being_installed(settings: Settings) -> None:
    assert import_roots(snapshot_of(settings, app_py="")) == ("/srv/repo",)
    assert import_roots(snapshot_of(settings, src__pkg__mod_py="")) == ("/srv/repo/src", "/srv/repo")


def test_tests_that_cannot_be_installed_are_given_up_with_a_word_and_only_tried_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUGBOX_CACHE_DIR", str(tmp_path / "cache"))
    text = '[project]\nname = "a"\ndependencies = ["six"]\n[project.optional-dependencies]\ntest = ["nose2<0"]\n'
    snapshot = snapshot_of(settings, pyproject_toml=text)
    tried: list[tuple[str, ...]] = []

    class Refusing(FakeEngine):
        def build(self, plan: EnvironmentPlan, progress: Progress) -> Environment:
            tried.append(plan.requirements)
            if "nose2<0" in plan.requirements:
                raise RequirementsUnresolvable("because nose2<0 does not exist")
            return super().build(plan, progress)

    engine = Refusing()
    for _ in range(2):
        environment = prepare_environment(snapshot, engine, settings, lambda line: None)
        assert "tests cannot be met" in environment.notes[-1] and "nose2<0 does not exist" in environment.notes[-1]
    assert tried == [("six", "nose2<0"), ("six",)]


def test_refresh_builds_anew(settings: Settings) -> None:
    engine, snapshot = FakeEngine(), snapshot_of(settings, a_py="")
    for asked in (settings, settings, replace(settings, refresh=True)):
        prepare_environment(snapshot, engine, asked, lambda line: None)
    assert len(engine.built) == 2


def test_classifiers_choose_where_nothing_else_does_and_a_miss_is_told(settings: Settings) -> None:
    text = '[project]\nname = "a"\nclassifiers = ["Programming Language :: Python :: 3.11"]\n'
    assert plan_environment(snapshot_of(settings, pyproject_toml=text), FakeEngine(), settings).python == "3.11"
    snapshot = snapshot_of(settings, pyproject_toml=text.replace("3.11", "3.7"))
    environment = prepare_environment(snapshot, FakeEngine(), settings, lambda line: None)
    assert environment.python == "3.13" and "classifiers say" in environment.notes[0]


def test_debian_packages_are_part_of_the_plan_and_must_be_names(settings: Settings) -> None:
    snapshot, engine = snapshot_of(settings, a_py=""), FakeEngine()
    plain = plan_environment(snapshot, engine, settings)
    more = plan_environment(snapshot, engine, replace(settings, apt=("graphviz", "libgomp1=1.2-3")))
    assert more.apt == ("graphviz", "libgomp1=1.2-3") and more.key != plain.key
    for wrong in ("-o=APT::x", "./evil.deb", "a b", "", "$(x)"):
        with pytest.raises(BadSettings, match="Debian package"):
            plan_environment(snapshot, engine, replace(settings, apt=(wrong,)))


def test_commits_that_go_along_bring_git(settings: Settings) -> None:
    snapshot = snapshot_of(settings, a_py="")
    for asked in (replace(settings, history=3), replace(settings, good="v1")):
        assert plan_environment(snapshot, FakeEngine(), asked).apt == ("git",)


def test_commits_go_along_without_git_where_it_cannot_be_had(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUGBOX_CACHE_DIR", str(tmp_path / "cache"))

    class WithoutMirror(FakeEngine):
        def build(self, plan: EnvironmentPlan, progress: Progress) -> Environment:
            if plan.apt:
                raise DebianPackagesFailed("git", "no mirror")
            return super().build(plan, progress)

    snapshot, engine = snapshot_of(settings, a_py=""), WithoutMirror()
    environment = prepare_environment(snapshot, engine, replace(settings, history=1), lambda line: None)
    assert "no git" in environment.notes[0] and engine.built[0].apt == ()
    with pytest.raises(DebianPackagesFailed):
        prepare_environment(snapshot, engine, replace(settings, history=1, apt=("git",)), lambda line: None)


def test_an_engine_without_debian_packages_says_so(settings: Settings) -> None:
    engine = FakeEngine()
    engine.installs_debian = False
    environment = prepare_environment(
        snapshot_of(settings, a_py=""), engine, replace(settings, apt=("graphviz",)), lambda line: None
    )
    assert "need the docker engine" in environment.notes[0] and "graphviz" in environment.notes[0]


def test_a_users_own_image_is_taken_as_it_is(settings: Settings) -> None:
    snapshot = snapshot_of(settings, requirements_txt="six\n", environment_yml="", a_py="")
    on_image = replace(settings, image="mine", extra_packages=("attrs",))
    plan = plan_environment(snapshot, FakeEngine(), on_image)
    assert (plan.image, plan.interpreter, plan.python) == ("sha256:mine", "/opt/python", "3.12")
    assert plan.requirements == ("attrs",) and plan.manifests == {}
    other = plan_environment(snapshot, FakeEngine(), replace(on_image, image="other"))
    assert other.key != plan.key
    environment = prepare_environment(snapshot, FakeEngine(), on_image, lambda line: None)
    assert "on your image mine" in environment.notes[0]


def test_a_variable_goes_into_the_box_only_by_its_name(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION", "north-7")
    snapshot = snapshot_of(settings, a_py="")
    environment = prepare_environment(snapshot, FakeEngine(), replace(settings, env=("STATION",)), lambda line: None)
    assert environment.variables == {"STATION": "north-7"} and "STATION" in environment.notes[0]
    assert "north-7" not in repr(environment) and "north-7" not in str(environment.notes)
    assert prepare_environment(snapshot, FakeEngine(), settings, lambda line: None).variables == {}


@pytest.mark.parametrize("name", ["NOT_SET_ANYWHERE", "PATH", "ANTHROPIC_API_KEY", "DEBUGBOX_CONTEXT"])
def test_a_variable_that_cannot_go_is_an_error(settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    with pytest.raises(BadSettings, match=name) as refused:
        prepare_environment(snapshot_of(settings, a_py=""), FakeEngine(), replace(settings, env=(name,)), print)
    assert "secret" not in str(refused.value)
