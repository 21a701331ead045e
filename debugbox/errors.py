"""Every error debugbox raises: a class, a slug (its section in docs/errors.md) and an exit code each.

The message says what happened, the usual cause, and what to do next.
Exit codes 0, 10 to 14 are verdicts (see cli.py); 2 is a wrong command line; 70 is a bug of ours; 130 is Ctrl-C.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from debugbox.finding import Cell


class DebugboxError(Exception):
    """Something that stops the run and that debugbox can explain."""

    exit_code = 1
    slug = "error"


class EmptyQuestion(DebugboxError):
    """There is nothing to ask."""

    exit_code, slug = 20, "empty-question"

    def __init__(self) -> None:
        super().__init__(
            'The question is empty.\nAsk in plain words what you want to know: debugbox "why does the mean drift"'
        )


class NotARepository(DebugboxError):
    """The folder to look at does not exist or holds nothing."""

    exit_code, slug = 21, "not-a-repository"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} is not something debugbox can look at: {why}.\n"
            "Start debugbox inside a repository (or any folder with Python files), or name one with --repo PATH."
        )


class NoPython(DebugboxError):
    """The snapshot has no Python in it."""

    exit_code, slug = 22, "no-python"

    def __init__(self, path: Path, files: int) -> None:
        super().__init__(
            f"{path} has {files} files, and none of them is Python.\n"
            "The recipes need Python source to trace, so without a model there is nothing debugbox can do here.\n"
            "With a model it can still read the files and run commands in the box: set credentials and ask again."
        )


class SnapshotTooLarge(DebugboxError):
    """The repository is over a limit of the snapshot."""

    exit_code, slug = 23, "snapshot-too-large"

    def __init__(self, what: str, folders: str) -> None:
        super().__init__(
            f"The snapshot is too large: {what}.\nLargest folders: {folders}.\n"
            "Ignore them in .gitignore, exclude them with --exclude PATH, or raise the limit "
            "(--snapshot-files N, --snapshot-size 1g)."
        )


class NoEngine(DebugboxError):
    """Neither a container engine nor user namespaces are there."""

    exit_code, slug = 30, "no-engine"

    def __init__(self, tried: str) -> None:
        super().__init__(
            f"No box can be started here: {tried}.\n"
            "debugbox never runs code outside a box. Start Docker (or set DOCKER_HOST), "
            "or allow unprivileged user namespaces for the embedded engine."
        )


class EngineUnavailable(DebugboxError):
    """The engine that was asked for does not answer."""

    exit_code, slug = 31, "engine-unavailable"

    def __init__(self, engine: str, why: str) -> None:
        super().__init__(
            f"You asked for the engine {engine}, and it does not answer: {why}.\n"
            "debugbox does not fall back to another engine on its own. Start it, or choose another with --engine."
        )


class NoBaseImage(DebugboxError):
    """The engine answers, but has no base image to build on."""

    exit_code, slug = 32, "no-base-image"

    def __init__(self, image: str, why: str) -> None:
        super().__init__(
            f"The base image {image} could not be pulled: {why}\n"
            "Without a registry, build a base from Debian's packages once (about a minute, as root): "
            "debugbox base --python 3.11"
        )


class RequirementsUnresolvable(DebugboxError):
    """The resolver could not satisfy the repository's requirements."""

    exit_code, slug = 33, "requirements-unresolvable"

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(
            f"The repository's requirements could not be installed. The resolver says:\n{words}\n"
            "Fix the manifest it names, choose another interpreter with --python 3.X, "
            "or go on without the dependencies: --no-dependencies."
        )


class EnvironmentFailed(DebugboxError):
    """Building the environment failed for a reason other than the requirements."""

    exit_code, slug = 34, "environment-failed"

    def __init__(self, step: str, log: str) -> None:
        self.words = log
        super().__init__(
            f"The environment could not be built ({step}). The end of its log:\n{log}\n"
            "Nothing half-made was kept; a second try starts afresh. "
            "The network to the package index is the usual cause."
        )


class DebianPackagesFailed(DebugboxError):
    """Debian packages could not be installed on top of an environment."""

    exit_code, slug = 39, "debian-packages-failed"

    def __init__(self, packages: str, log: str) -> None:
        super().__init__(
            f"These Debian packages could not be installed: {packages}. The end of apt's log:\n{log}\n"
            "[tool.debugbox] apt asks for them, or --history (git), or a set-up (a compiler). "
            "A name that this Debian does not have, or no way to its mirror, is the usual cause."
        )


class NoInterpreter(DebugboxError):
    """No Python interpreter fits the repository."""

    exit_code, slug = 35, "no-interpreter"

    def __init__(self, wanted: str, found: str) -> None:
        super().__init__(
            f"The repository wants Python {wanted}; found here: {found or 'none that a box can use (3.9 to 3.13)'}.\n"
            "Install such an interpreter, or choose another with --python 3.X."
        )


class CondaOnly(DebugboxError):
    """environment.yml wants what pip cannot install."""

    exit_code, slug = 36, "conda-only"

    def __init__(self, name: str, entry: str) -> None:
        super().__init__(
            f"{name} wants `{entry}`, which is not known to be on the package index; boxes are made with pip.\n"
            "Build an image that has it and name it (--image NAME, needs Docker), put what pip can install into "
            "requirements.txt, or go on without: --no-dependencies, and --with PKG for each package that is needed."
        )


class ImageUnfit(DebugboxError):
    """The user's own image cannot be had, or no box can stand on it."""

    exit_code, slug = 37, "image-unfit"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"The image {name} cannot be built on: {why}.\n"
            "It needs a shell, and a Python of 3.9 to 3.13 with venv and pip that any user can run; "
            "without --image an environment is made from the repository's manifests."
        )


class SetupFailed(DebugboxError):
    """The repository's own set-up command failed in its box."""

    exit_code, slug = 38, "setup-failed"

    def __init__(self, command: str, why: str, words: str) -> None:
        super().__init__(
            f"The repository's set-up failed: {why}.\nIts [tool.debugbox] setup is: {command}\n{words}\n"
            "It runs without network, with the repository's interpreter, a compiler and what [build-system] requires; "
            "[tool.debugbox] apt and pip add packages."
        )


class SpoolFull(DebugboxError):
    """The snapshot could not be written to the temporary folder."""

    exit_code, slug = 24, "spool-full"

    def __init__(self, folder: str, why: str) -> None:
        super().__init__(
            f"The snapshot could not be kept in {folder}: {why}.\n"
            "It is spooled there once, as large as the repository, and goes with the run. "
            "Make space, name another folder with TMPDIR, or leave something out with --exclude PATH."
        )


class BoxGone(DebugboxError):
    """The box ended, or cannot be understood any more; nothing more can be run in it."""

    exit_code, slug = 40, "box-gone"
    cell: "Cell | None" = None  # what the running cell had given back

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"The box is gone: {cause}.")


class KernelDied(DebugboxError):
    """The kernel process ended, so its box is closed as well; the next cell needs a new box."""

    exit_code, slug = 41, "kernel-died"
    cell: "Cell | None" = None

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"The kernel died: {cause}.")


class CellInterrupted(KeyboardInterrupt):
    """Ctrl-C while a cell ran: the cell was interrupted, and `cell` is what had come back."""

    def __init__(self, cell: "Cell | None") -> None:
        self.cell = cell
        super().__init__("a cell was interrupted")


class SettingsNotApplied(DebugboxError):
    """The engine's read-back differs from what was asked for."""

    exit_code, slug = 42, "settings-not-applied"

    def __init__(self, differences: str) -> None:
        super().__init__(
            f"The engine did not apply the box's settings: {differences}.\n"
            "A box with weaker walls than asked for is not used. "
            "Update the engine, or look for a policy that changes containers."
        )


class CommandMissing(DebugboxError):
    """The `--run` command does not exist in the box."""

    exit_code, slug = 43, "command-missing"

    def __init__(self, command: str, words: str) -> None:
        super().__init__(
            f"The command of --run does not exist in the box: {command}\nThe shell says: {words}\n"
            "It runs in the repository's folder with the repository's interpreter first on PATH; "
            'name a file of the repository: --run "python script.py".'
        )


class CredentialsRefused(DebugboxError):
    """The model's endpoint refused the credentials, or there are none."""

    exit_code, slug = 50, "credentials-refused"

    def __init__(self, words: str) -> None:
        super().__init__(
            f"The model cannot be used: {words}\n"
            "Set ANTHROPIC_API_KEY (or a profile of the SDK), or go on without a model: --no-model."
        )


class ModelUnavailable(DebugboxError):
    """The model's endpoint did not give an answer, whatever was tried."""

    exit_code, slug = 51, "model-unavailable"

    def __init__(self, words: str) -> None:
        super().__init__(f"The model did not answer: {words}\nTry again later, or go on without a model: --no-model.")


class NoSuchRecipe(DebugboxError):
    exit_code, slug = 60, "no-such-recipe"

    def __init__(self, name: str, known: str) -> None:
        super().__init__(f"There is no recipe called {name}. Known: {known}.")


class RecipeNotMade(DebugboxError):
    exit_code, slug = 66, "recipe-not-made"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"No recipe {name} was made: {why}.")


class RecipeIncomplete(DebugboxError):
    exit_code, slug = 67, "recipe-incomplete"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"The recipe {name} cannot be tried: {why}.\n"
            "A recipe has a SKILL.md, a subject/ with the fault that it must find, and an expected.toml."
        )


class NoSuchFinding(DebugboxError):
    exit_code, slug = 61, "no-such-finding"

    def __init__(self, wanted: str, why: str) -> None:
        super().__init__(f"No finding {wanted}: {why}.\n`debugbox list` shows what is kept.")


class NoSuchRevision(DebugboxError):
    """git does not know the revision, or the folder is not under git."""

    exit_code, slug = 63, "no-such-revision"

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"There is no commit {revision} here.\n"
            "A branch, a tag or a commit id of the repository is meant, for example HEAD~3; "
            "the folder must be under git."
        )


class TreeNotKept(DebugboxError):
    """The files that a finding was made on cannot be had again."""

    exit_code, slug = 64, "tree-not-kept"

    def __init__(self, id: str, why: str) -> None:
        super().__init__(
            f"The files that finding {id} was made on are kept nowhere: {why}.\n"
            "Ask without --as-found: the question is then about the working tree as it is now."
        )


class BadSettings(DebugboxError):
    """A settings file or option says something that cannot be."""

    exit_code, slug = 62, "bad-settings"

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}.")


class NotForRepository(BadSettings):
    """A repository's own configuration tries to set what only its user may set."""

    slug = "not-for-repository"

    def __init__(self, key: str) -> None:
        DebugboxError.__init__(
            self,
            f"The repository's pyproject.toml sets [tool.debugbox] {key}, which a repository may not decide.\n"
            "It may set include, exclude, setup, pip, apt, python, lower limits, and an archive folder in itself.\n"
            "Set it on the command line or in your own config if you mean it.",
        )
