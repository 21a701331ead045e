"""Make the venvs of a box at their final paths. Runs in a build stage (docker) or a build box (bubblewrap).

    UV=/path/to/uv python3 build_environment.py PREFIX                          supervisor, tools
    UV=/path/to/uv python3 build_environment.py PREFIX MANIFESTS REQUIREMENTS   those where missing, kernel, repo

A fourth argument --on-image: the interpreter's own packages count, as a user's image brings them; none is replaced.
The interpreter that runs this script is the environment's. MANIFESTS is a folder laid out as in the repository;
REQUIREMENTS a text file with one requirement or one of `-r FILE`, `-c FILE`, `--extra NAME`, `--group NAME` a line,
its files relative to MANIFESTS. Neither is written to. Only the standard library is imported, Python 3.9 suffices.

Under PREFIX: supervisor/, tools/, kernel/, repo (a link to kernel, or a venv of its own), mplcache/,
packages.json ({"python": ..., "packages": {name: version}, "built_from_source": [...]}) and notes.txt (a line each).
Exit code 0: done; 10: the repository's requirements cannot be installed, the resolver's words end stderr; else: failed.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

UNRESOLVABLE = 10
FILES = Path(__file__).resolve().parent.parent  # holds kernels/ and sandbox/, as in the checkout
KERNEL = ["-r", str(FILES / "kernels" / "requirements-kernel.txt")]
SUPERVISOR = ["-r", str(FILES / "kernels" / "requirements.txt")]
TOOLS = ["-r", str(FILES / "sandbox" / "requirements-tools.txt")]
# For the repository's own tests, where its requirements bring no pytest: off every path, so that it shadows nothing.
TEST_RUNNER = ["pytest>=8.3,<8.4"]  # later ones need pygments, three times the rest
FILE_OPTIONS = {"-r", "-c", "--requirement", "--constraint", "--requirements", "--constraints"}
OPTIONS = FILE_OPTIONS | {"--extra", "--group"}

# uv's words for a network that fails, so that a dead index is not blamed on the repository.
NETWORK_WORDS = ("error sending request", "dns error", "client error (Connect)", "operation timed out",
                 "tls handshake", "invalid peer certificate", "request failed after")  # fmt: skip

TEXT = "utf-8"
# By the environment's own interpreter: it knows where it looks, a user's image included.
LIST_PACKAGES = (
    "import importlib.metadata, json; found = importlib.metadata.distributions(); "
    "named = [(each.metadata['Name'], each.version) for each in found if each.metadata['Name']]; "
    "print(json.dumps({name.lower().replace('_', '-'): version for name, version in named}))"
)


class InstallFailed(Exception):
    """uv could not install a set of requirements; `words` is what it said."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

    @property
    def is_network(self) -> bool:
        return any(word.lower() in self.words.lower() for word in NETWORK_WORDS)


def main(arguments: list[str]) -> int:
    prefix = Path(arguments[0])
    prefix.mkdir(parents=True, exist_ok=True)
    build_parts(prefix)
    if len(arguments) == 1:
        return 0
    manifests, requirements = Path(arguments[1]).resolve(), Path(arguments[2])
    on_image = "--on-image" in arguments[3:]
    with tempfile.TemporaryDirectory() as scratch:
        wanted = uv_arguments(requirements.read_text(TEXT), manifests, Path(scratch) / "requirements.txt")
        wanted += image_constraints(Path(scratch) / "image.txt") if on_image else []
        return build_environment(prefix, wanted, on_image=on_image)


def build_parts(prefix: Path) -> None:
    """What every environment shares; a layer of its own in docker, so that it is made once."""
    if not (prefix / "supervisor").exists():
        say("supervisor: jupyter_client in a venv of its own")
        make_venv(prefix / "supervisor")
        install(prefix / "supervisor", SUPERVISOR)
    if not (prefix / "tools").exists():
        say("tools: mpmath, pytest")
        into = ["pip", "install", "--python", sys.executable, "--target"]
        uv([*into, str(prefix / "tools"), *TOOLS])
        uv([*into, str(prefix / "tools" / "test-runner"), *TEST_RUNNER])


def image_constraints(scratch: Path) -> list[str]:
    """What is installed where this interpreter looks, as constraints: the kernel's packages must go with it."""
    found = {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}
    pins = [f"{name}=={version}\n" for name, version in sorted(found.items()) if name and version]
    scratch.write_text("".join(pins), TEXT)
    return ["-c", str(scratch)]


def build_environment(prefix: Path, wanted: list[str], *, on_image: bool = False) -> int:
    notes: list[str] = []
    try:
        built = install_together(prefix, wanted, notes, on_image=on_image)
    except InstallFailed as failure:
        print(failure.words, file=sys.stderr)
        return UNRESOLVABLE if wanted and not failure.is_network else 1
    if built:
        notes.append("built from source: " + ", ".join(sorted(built)))
    write_font_cache(prefix)
    write_record(prefix, sorted(built), notes)
    return 0


def install_together(prefix: Path, wanted: list[str], notes: list[str], *, on_image: bool) -> set[str]:
    """One venv where the kernel stack fits the repository's requirements, else two.

    Returns what was built from source.
    """
    say("kernel: the repository's requirements together with ipykernel and matplotlib")
    try:
        built = install_fresh(prefix / "kernel", wanted + KERNEL, on_image=on_image)
        import_kernel(prefix / "kernel")
        (prefix / "repo").symlink_to("kernel")
        return built
    except InstallFailed as failure:
        if failure.is_network or not wanted:
            raise
        conflict = failure.words
    say("repo: the repository's requirements alone")
    built = install_fresh(prefix / "repo", wanted, on_image=on_image)
    say("kernel: ipykernel and matplotlib alone, as the repository's requirements exclude them")
    built |= install_fresh(prefix / "kernel", KERNEL)
    notes.append(
        "the repository's requirements conflict with the kernel's (ipykernel, matplotlib): cells run in an "
        "environment of their own and reach the repository's by box.run. " + reason(conflict)
    )
    return built


def import_kernel(venv: Path) -> None:
    """Pins may let in an old IPython whose metadata asks for too little: what resolves need not start.

    Raises InstallFailed.
    """
    command = [str(venv / "bin" / "python"), "-I", "-c", "import ipykernel.kernelapp, ipykernel.zmqshell"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding=TEXT, errors="replace")
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2]
        raise InstallFailed("the kernel does not start beside them, because " + said)


def install_fresh(venv: Path, requirements: list[str], *, on_image: bool = False) -> set[str]:
    shutil.rmtree(venv, ignore_errors=True)
    make_venv(venv, *(["--system-site-packages"] if on_image else []))
    wanted = any(option != "-c" for option in requirements[::2])
    return install(venv, requirements) if wanted else set()


def make_venv(venv: Path, *options: str) -> None:
    uv(["venv", "--quiet", "--python", sys.executable, *options, str(venv)])


def install(venv: Path, requirements: list[str]) -> set[str]:
    """Wheels only at first: building an sdist runs its code. Returns what had to be built all the same."""
    command = ["pip", "install", "--python", str(venv / "bin" / "python")]
    try:
        uv([*command, "--only-binary", ":all:", *requirements])
        return set()
    except InstallFailed as failure:
        if failure.is_network:
            raise
        say("no set of wheels fits; trying with packages built from source")
    words = uv([*command, *requirements])
    return {line.split()[1] for line in words.splitlines() if line.split()[:1] == ["Built"]}


def uv(arguments: list[str]) -> str:
    """Run uv, repeat its lines as they come (the build's progress), and return them.

    Raises:
        InstallFailed: with the same lines.
    """
    command = [os.environ.get("UV", "uv"), "--color", "never", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=uv_environment(), text=True, encoding=TEXT
    )
    lines: list[str] = []
    for line in process.stdout or ():
        say(line.rstrip())
        if not line.startswith("Using "):  # which interpreter: no part of what it says about requirements
            lines.append(line)
    if process.wait() != 0:
        raise InstallFailed("".join(lines).strip())
    return "".join(lines)


def uv_environment() -> dict[str, str]:
    """The caller's environment, and: no other interpreter than ours, bytecode that needs no look at the source.

    The box is read-only, so bytecode that is not written here is compiled anew at every start.
    """
    return {
        **os.environ,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_COMPILE_BYTECODE": "1",
        "PYC_INVALIDATION_MODE": "UNCHECKED_HASH",
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
    }


def uv_arguments(text: str, manifests: Path, scratch: Path) -> list[str]:
    """The requirement list as arguments of `uv pip install`; plain requirements go to the file `scratch`."""
    arguments: list[str] = []
    plain: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        words = shlex.split(line) if line.startswith("-") else [""]
        if words[0] in FILE_OPTIONS and len(words) == 2:
            arguments += [words[0], str(manifests / words[1])]
        elif words[0] in OPTIONS and len(words) == 2:
            arguments += words
        else:
            plain.append(line)
    if plain:
        scratch.write_text("\n".join(plain) + "\n", TEXT)
        arguments += ["-r", str(scratch)]
    return arguments


def write_font_cache(prefix: Path) -> None:
    """matplotlib's font list takes a second to make; the box's kernel copies it to its MPLCONFIGDIR."""
    say("font cache")
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "MPLBACKEND": "agg",
                   "MPLCONFIGDIR": str(prefix / "mplcache")}  # fmt: skip
    (prefix / "mplcache").mkdir(exist_ok=True)
    code = "import matplotlib.font_manager"
    subprocess.run([str(prefix / "kernel" / "bin" / "python"), "-c", code], env=environment, check=True)


def write_record(prefix: Path, built: list[str], notes: list[str]) -> None:
    python = str(prefix / "repo" / "bin" / "python")
    listed = subprocess.run([python, "-I", "-c", LIST_PACKAGES], stdout=subprocess.PIPE, check=True)
    packages = json.loads(listed.stdout)
    record = {"python": platform.python_version(), "packages": packages, "built_from_source": built}
    (prefix / "packages.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", TEXT)
    (prefix / "notes.txt").write_text("".join(note + "\n" for note in notes), TEXT)


def reason(words: str) -> str:
    """The resolver's conclusion in one line of at most 300 characters: its last "because"."""
    line = " ".join(words.rpartition("ecause ")[2].split())
    return "The resolver says: because " + (line if len(line) <= 300 else line[:297] + "...")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InstallFailed as failure:
        print(failure.words, file=sys.stderr)
        sys.exit(1)
