"""environment.yml as pip requirements, as far as its packages are on the package index under a known name.

Only the small part of YAML that such files use is read; anything else in `dependencies` is an error that says so.
"""

import re

from debugbox.errors import CondaOnly

FILES = ("environment.yml", "environment.yaml")
_OTHER_NAMES = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "opencv": "opencv-python",
    "py-opencv": "opencv-python",
    "tensorflow-gpu": "tensorflow",
    "pytables": "tables",
    "python-graphviz": "graphviz",
    "dask-core": "dask",
}
_NO_PACKAGES = {"python", "pip", "setuptools", "wheel", "nomkl", "blas", "mkl", "libblas", "liblapack", "openblas"}
_ONLY_CONDA = re.compile(
    r"^(_|r-|lib|gcc|gxx|gfortran|clang|cuda|cudnn|nodejs|openmpi|mpich|cxx-|c-compiler|compilers|fortran-|make$|"
    r"cmake$|r$|r-base|gdal$|proj$|geos$|hdf5$|ffmpeg$|openjdk|git$|binutils|sysroot)"
)
_SPEC = re.compile(
    r"^(?:[\w.-]+::)?([A-Za-z0-9][\w.-]*)\s*((?:[<>=!~]=?|===?)?\s*[^\s=]*(?:\s*,\s*[<>=!~]+[^\s=]*)*)(?:=[\w.*]+)?$"
)


def conda_requirements(name: str, text: str) -> tuple[list[str], str]:
    """(pip requirements, Python series or ""). Raises CondaOnly when something of it only conda can install."""
    requirements: list[str] = []
    python = ""
    for entry, by_pip in _dependencies(name, text):
        if by_pip:
            requirements.append(entry)
            continue
        package, version = _split(name, entry)
        if package == "python":
            python = ".".join(re.findall(r"\d+", version)[:2])
        if _ONLY_CONDA.match(package):
            raise CondaOnly(name, entry)
        if package not in _NO_PACKAGES:
            requirements.append(_OTHER_NAMES.get(package, package) + version)
    return requirements, python


def _split(name: str, entry: str) -> tuple[str, str]:
    """`numpy=1.26=py311` as ("numpy", "==1.26.*")."""
    match = _SPEC.match(entry)
    if match is None:
        raise CondaOnly(name, entry)
    version = match[2].replace(" ", "")
    if re.match(r"=[^=]", version):
        version = f"=={version[1:].rstrip('.*')}.*"
    elif version[:1].isdigit():
        version = f"=={version.rstrip('.*')}.*"
    return match[1].lower(), version


def _dependencies(name: str, text: str) -> list[tuple[str, bool]]:
    """The entries of `dependencies:`, each with whether it stands under `pip:`."""
    entries: list[tuple[str, bool]] = []
    inside = False
    pip_indent = -1
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        if not line.strip():
            continue
        if not line.startswith((" ", "-")):
            inside, pip_indent = line.startswith("dependencies:"), -1
            continue
        if not inside:
            continue
        indent, item = len(line) - len(line.lstrip()), line.strip()
        if not item.startswith("- "):
            raise CondaOnly(name, item)
        item = item[2:].strip().strip("'\"")
        if item == "pip:":
            pip_indent = indent
        else:
            entries.append((item, 0 <= pip_indent < indent))
            pip_indent = pip_indent if indent > pip_indent else -1
    return entries
