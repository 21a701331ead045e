"""Runs in the box, in the kernel: what the kernel will need late is imported before the repository is on the path.

A repository may have its own `random.py`, `types.py` or `json.py`. Code in cells gets what Python's rules say;
the kernel's own machinery must not.
"""

from __future__ import annotations

import importlib

# Standard library that IPython, ipykernel and this package import at first use.
_NAMES = """
argparse ast asyncio base64 bdb builtins cProfile calendar code codecs cmd colorsys concurrent.futures contextlib
copy csv datetime decimal dis doctest email.message errno faulthandler fractions gc getopt getpass glob gzip hashlib
heapq html html.parser http.client importlib.metadata inspect io itertools json linecache locale logging math
mimetypes multiprocessing numbers operator os pdb pickle pkgutil platform posixpath pprint profile pstats queue quopri
random re reprlib secrets select selectors shlex shutil signal site socket sqlite3 statistics string struct
subprocess symtable sysconfig tarfile tempfile textwrap threading time timeit token tokenize trace traceback types
typing unicodedata unittest urllib.parse urllib.request uuid warnings weakref xml.etree.ElementTree zipfile zlib
IPython.core.magics IPython.core.oinspect IPython.core.page IPython.display IPython.lib.pretty
IPython.utils.capture IPython.utils._process_posix IPython.utils.timing
debugbox_kernel debugbox_kernel.commands
"""


def load() -> None:
    for name in _NAMES.split():
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # left out of this build of Python: then nobody can need it
