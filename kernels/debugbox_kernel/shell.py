"""Runs in the box, in the kernel: ipykernel with our tracebacks, formats and figures.

Everything is done by subclassing and by IPython's own events and formatters; nothing is patched.
"""

import json
import os
import sys

from ipykernel.compiler import XCachingCompiler
from ipykernel.iostream import OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.formatters import BaseFormatter
from traitlets import ObjectName, Type, Unicode

from debugbox_kernel import figures, tables, tracebacks

MAX_WRITE = 1 << 20  # characters: ipykernel would gather a gigabyte print into one message
MAX_CELL = 8 << 20  # characters of one stream and cell that leave the kernel

_current_cell = ["0"]
_streams = []


class BoxCompiler(XCachingCompiler):
    """Names the code of a cell `cell N`, as the finding cites it."""

    def get_code_name(self, raw_code, code, number):
        return "cell " + _current_cell[0]


class BoxStream(OutStream):
    """An output stream that cuts what no reader could use, in the kernel's own memory."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._written = 0
        self._dropped = 0
        _streams.append(self)

    def write(self, string):
        if not isinstance(string, str):
            return super().write(string)  # raises the error the user's code should see
        room = min(MAX_WRITE, max(0, MAX_CELL - self._written))
        self._written += min(len(string), room)
        if len(string) <= room:
            super().write(string)
        elif room > 1000:
            super().write(
                "%s\n[... %d characters cut ...]\n%s" % (string[: room // 2], len(string) - room, string[-room // 2 :])
            )
        else:
            self._dropped += len(string)
        return len(string)

    def new_cell(self):
        """The counters start afresh; says what the last cell wrote in vain."""
        dropped, self._written, self._dropped = self._dropped, 0, 0
        if dropped:
            super().write("\n[... %d characters after the stream's limit were not kept ...]\n" % dropped)


class TableFormatter(BaseFormatter):
    """Rows and types of a table as data; the host builds the table."""

    format_type = Unicode("application/vnd.debugbox.table+json")
    print_method = ObjectName("_debugbox_table_")
    _return_type = Type(dict)


class BoxShell(ZMQInteractiveShell):
    """The shell: structured tracebacks, tables, figures after each cell."""

    def __init__(self, *args, **kwargs):
        kwargs["compiler_class"] = BoxCompiler  # ipykernel passes its own by name
        super().__init__(*args, **kwargs)

    def init_display_formatter(self):
        super().init_display_formatter()
        formatter = TableFormatter(parent=self.display_formatter)
        self.display_formatter.formatters[formatter.format_type] = formatter
        tables.register(formatter)
        # HTML, SVG and JavaScript have no place in a finding: they are not even made.
        self.display_formatter.active_types = ["text/plain", "image/png", formatter.format_type]

    def init_events(self):
        super().init_events()
        self.events.register("pre_run_cell", self._before_cell)
        self.events.register("post_execute", self._after_cell)

    def _before_cell(self, info):
        _current_cell[0] = str(info.cell_id or 0)
        enter_repository()

    def _after_cell(self):
        figures.publish_open()
        for stream in _streams:
            stream.new_cell()

    def _showtraceback(self, etype, evalue, stb):
        """What ipykernel sends, with frames as data and cut to the user's own."""
        sys.stdout.flush()
        sys.stderr.flush()
        content = tracebacks.describe(etype, evalue)
        channel = self.displayhook
        message = channel.session.send(
            channel.pub_socket,
            "error",
            json.loads(json.dumps(content)),
            channel.parent_header,
            ident=b"error",
        )
        self._last_traceback = stb
        return message


class BoxKernel(IPythonKernel):
    shell_class = Type(BoxShell)


class BoxKernelApp(IPKernelApp):
    """ipykernel's application with our classes, and without history, profile or config files."""

    def initialize(self, argv=None):
        self.kernel_class = BoxKernel
        self.outstream_class = "debugbox_kernel.shell.BoxStream"
        self.config.HistoryManager.enabled = False
        self.config.InteractiveShell.banner1 = ""
        super().initialize(argv)

    def load_config_file(self, *args, **kwargs):
        """No file in the box may configure the kernel."""


_entered = []


def enter_repository():
    """Once, at the first cell: the repository's folders come first on the path, as for a script of it."""
    if _entered:
        return
    _entered.append(True)
    context = json.loads(os.environ.get("DEBUGBOX_CONTEXT", "{}"))
    sys.path[:0] = context.get("import_roots", [])
