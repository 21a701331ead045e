"""Runs in the box, in the kernel: ipykernel with our tracebacks, formats, figures and streams.

Everything is done by subclassing and by IPython's own events and formatters; nothing is patched.
"""

# IPython and ipykernel annotate few of their methods.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import os
import sys
from typing import Any

import zmq
from ipykernel.compiler import XCachingCompiler
from ipykernel.displayhook import ZMQShellDisplayHook
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQDisplayPublisher, ZMQInteractiveShell
from IPython.core.formatters import BaseFormatter, DisplayFormatter
from jupyter_client.session import extract_header
from traitlets import ObjectName, Type, Unicode

import debugbox_kernel
from debugbox_kernel import beforehand, bundles, commands, figures, tables, tracebacks
from debugbox_kernel.owners import Header
from debugbox_kernel.streams import encodable, outlet, owners, restore

Bundle = dict[str, Any]
_COLOURS = ("TERM", "CLICOLOR", "FORCE_COLOR", "CLICOLOR_FORCE")


class BoxCompiler(XCachingCompiler):
    """Names the code of a cell `cell N`, as the finding cites it."""

    def get_code_name(self, raw_code: str, code: str, number: int) -> str:
        return "cell %d" % owners.running.id


class TableFormatter(BaseFormatter):
    """Rows and types of a table as data; the host builds the table."""

    format_type = Unicode(bundles.TABLE)
    print_method = ObjectName("_debugbox_table_")
    _return_type = Type(dict)


class BoxFormatter(DisplayFormatter):
    """What has a place in a finding: plain text, PNG, tables. The rest gets words in its place."""

    def format(self, obj: Any, include: Any = None, exclude: Any = None) -> tuple[Bundle, Bundle]:
        if figures.is_figure(obj):
            return figures.bundle(obj), {}
        if bundles.is_plotly(obj):
            return {"text/plain": bundles.plotly_words(obj.to_plotly_json())}, {}
        made, metadata = super().format(obj, include, exclude)
        return bundles.kept(obj, made), metadata


class _Owned:
    """Mixed into ipykernel's publishers: output belongs to the cell that started the thread or task."""

    @property
    def parent_header(self) -> Header:
        return owners.of_this_output().header

    @parent_header.setter
    def parent_header(self, header: Header) -> None:
        """Nothing: ipykernel sets what `owners` knows already."""


def _outgoing(data: Bundle) -> Bundle:
    """`data` as it can be sent, behind all text that was printed before it."""
    outlet().flush()
    data = bundles.sendable(data)
    owners.of_this_output().note(data["text/plain"] + "\n")
    figures.note_sent(data)
    return bundles.fitting(data)


class BoxDisplayPublisher(_Owned, ZMQDisplayPublisher):
    def publish(self, data: Bundle, metadata: Any = None, *args: Any, **options: Any) -> None:
        super().publish(_outgoing(data), metadata, *args, **options)


class BoxDisplayHook(_Owned, ZMQShellDisplayHook):
    def write_format_data(self, format_dict: Bundle, md_dict: Any = None) -> None:
        super().write_format_data(_outgoing(format_dict), md_dict)

    def quiet(self) -> bool:
        """Whether the cell ends in a semicolon. IPython would look into a history that is not kept."""
        shell: Any = self.shell
        return bool(shell.source.rstrip().endswith(";"))


class BoxShell(ZMQInteractiveShell):
    """The shell: structured tracebacks, tables, figures after each cell."""

    displayhook_class = Type(BoxDisplayHook)
    display_pub_class = Type(BoxDisplayPublisher)
    source = ""  # of the running cell

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["compiler_class"] = BoxCompiler  # ipykernel passes its own by name
        super().__init__(*args, **kwargs)

    def init_environment(self) -> None:
        """ipykernel asks every program for colours; here outputs are read, by recipes too, and shown as plain text."""
        before = {name: os.environ.get(name) for name in _COLOURS}
        super().init_environment()
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})

    def init_display_formatter(self) -> None:
        self.display_formatter = BoxFormatter(parent=self)
        configurables: list[Any] = self.configurables
        configurables.append(self.display_formatter)
        table = TableFormatter(parent=self.display_formatter)
        self.display_formatter.formatters[table.format_type] = table
        tables.register(table)
        # HTML, SVG and JavaScript have no place in a finding: they are not even made.
        self.display_formatter.active_types = ["text/plain", "image/png", table.format_type]

    def init_events(self) -> None:
        super().init_events()
        self.events.register("pre_run_cell", self._before_cell)
        self.events.register("post_execute", self._after_cell)

    def set_parent(self, parent: Any) -> None:
        super().set_parent(parent)
        owners.begin(extract_header(parent))
        context = parent.get("metadata", {}).get("context")
        if isinstance(context, dict):  # this box was started before somebody knew what for
            debugbox_kernel.context.clear()
            debugbox_kernel.context.update(context)

    def _before_cell(self, info: Any) -> None:
        owners.number(int(info.cell_id or 0))
        self.source = str(info.raw_cell)
        commands.largest_child.start_cell()
        enter_repository()

    def _after_cell(self) -> None:
        outlet().flush()
        try:
            figures.publish_open()
        finally:
            outlet().end_cell()
            restore()

    def ask_exit(self) -> None:
        """`quit()` and `exit()` end the cell, as they end a script. ipykernel would stop the kernel a moment later,
        in the middle of another cell."""
        raise SystemExit

    def showtraceback(self, exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        """As IPython does, and a group of exceptions like any other: IPython would only print it."""
        etype, evalue, _ = exc_tuple or sys.exc_info()
        if isinstance(getattr(evalue, "exceptions", None), tuple):
            sys.last_type, sys.last_value = etype, evalue
            self._showtraceback(etype, evalue, [])
        else:
            super().showtraceback(exc_tuple, *args, **kwargs)

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        """What ipykernel sends, with frames as data and cut to the user's own."""
        outlet().end_cell()
        content = tracebacks.describe(etype, evalue)
        owners.of_this_output().note("\n".join(tracebacks.in_full(evalue)) + "\n")
        channel: Any = self.displayhook
        channel.session.send(channel.pub_socket, "error", content, channel.parent_header, ident=b"error")
        self._last_traceback = stb


class BoxKernel(IPythonKernel):
    shell_class = Type(BoxShell)

    async def do_execute(self, *args: Any, **kwargs: Any) -> Bundle:
        """The reply without what is sent in other ways; what a pager would show (`obj?`) becomes output."""
        content: Bundle = await super().do_execute(*args, **kwargs)
        for payload in content.get("payload") or ():
            if payload.get("source") == "page":
                sys.stdout.write(str(payload.get("data", {}).get("text/plain", "")))
        outlet().flush()
        kept: Bundle = {name: content[name] for name in ("status", "execution_count", "ename") if name in content}
        return {**kept, "ename": encodable(kept.get("ename", "")), "child_bytes": commands.largest_child.memory_bytes}


class BoxKernelApp(IPKernelApp):
    """ipykernel's application with our classes, and without history, profile or config files."""

    def initialize(self, argv: Any = None) -> None:
        self.kernel_class = BoxKernel
        self.outstream_class = "debugbox_kernel.streams.open_stream"
        self.config.HistoryManager.enabled = False
        self.config.InteractiveShell.banner1 = ""
        beforehand.load()
        # Nobody can debug through the protocol. Its module costs a fifth of the start and warns on stderr.
        sys.modules["debugpy"] = None  # type: ignore[assignment]  # so that importing it fails
        super().initialize(argv)
        del sys.modules["debugpy"]

    def init_iopub(self, context: Any) -> None:
        # Beyond 1000 messages that nobody has read yet, output would be thrown away without a word. Set before the
        # socket is bound: connections that are made later do not hear of it any more.
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)

    def load_config_file(self, *args: Any, **kwargs: Any) -> None:
        """No file in the box may configure the kernel."""


_entered: list[bool] = []


def enter_repository() -> None:
    """Once, at the first cell: the repository's folders come first on the path, as for a script of it."""
    if _entered:
        return
    _entered.append(True)
    sys.path[:0] = debugbox_kernel.context.get("import_roots", [])
