"""Every guard that SECURITY.md stands on, how it is taken out, and the tests that must notice.

A guard is a piece of source text that stands once in its file. `instead` is the code without it.
"""

from dataclasses import dataclass

_BOX = "tests/contract/test_box.py"
_WALLS = "tests/docker/test_walls.py"
_SNAPSHOT = "tests/unit/test_snapshot.py"
_STREAMS = "tests/wall/test_hostile_streams.py"
_NAMESPACES = "tests/wall/test_namespaces.py"
_SETTINGS = "tests/unit/test_settings.py"
_READ_BACK = f"{_WALLS}::test_a_guard_that_is_not_applied_stops_the_box"
_REPORT = f"{_WALLS}::test_the_engine_reports_the_walls_that_the_finding_names"


@dataclass(frozen=True, kw_only=True)
class Guard:
    """`tests` are arguments of pytest: one of them must fail once `text` in `file` is `instead`."""

    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


def _guard(name: str, file: str, text: str, instead: str, *tests: str) -> Guard:
    return Guard(name=name, file=file, text=text, instead=instead, tests=tests)


def _container(name: str, text: str, instead: str, *tests: str) -> Guard:
    return _guard(name, "debugbox/engines/docker_settings.py", text, instead, *tests)


def _embedded(name: str, text: str, instead: str, *tests: str) -> Guard:
    return _guard(name, "debugbox/engines/bubblewrap_walls.py", text, instead, *tests)


def _filter(name: str, text: str, instead: str) -> Guard:
    tests = (f"{_BOX}::test_the_second_filter_denies", "tests/unit/kernel/test_seccomp.py", "-k", "not docker")
    return _guard(name, "kernels/debugbox_kernel/seccomp.py", text, instead, *tests)


def _inside(name: str, file: str, text: str, instead: str, *tests: str) -> Guard:
    return _guard(name, f"kernels/debugbox_kernel/{file}", text, instead, *tests, "-k", "not docker")


def _message(name: str, text: str, instead: str, stream: str = "") -> Guard:
    tests = (f"{_STREAMS}::test_the_host_stays_small_and_goes_on[{stream}]",) if stream else ()
    return _guard(name, "debugbox/messages.py", text, instead, "tests/unit/test_messages.py", *tests)


def _foreign(name: str, text: str, instead: str) -> Guard:
    return _guard(name, "debugbox/foreign.py", text, instead, "tests/unit/test_foreign.py")


def _taken(name: str, file: str, text: str, instead: str) -> Guard:
    return _guard(name, f"debugbox/{file}", text, instead, _SNAPSHOT)


def _setting(name: str, text: str, instead: str) -> Guard:
    return _guard(name, "debugbox/settings.py", text, instead, _SETTINGS)


CONTAINER = (
    _container("no network", '"NetworkMode": "none"', '"NetworkMode": "bridge"', f"{_WALLS}"),
    _container("no name server of the host", '        "Dns": ["127.0.0.1"],', "        #", f"{_WALLS}"),
    _container("read-only root", '"ReadonlyRootfs": True', '"ReadonlyRootfs": False', f"{_WALLS}"),
    _container("no capabilities", '"CapDrop": ["ALL"]', '"CapDrop": []', f"{_WALLS}"),
    _container("no new privileges", '["no-new-privileges:true"]', "[]", f"{_WALLS}"),
    _container("a user of its own", 'USER = "10001:10001"', 'USER = "0:0"', f"{_WALLS}"),
    _container("a host name of its own", '        "Hostname": "box",\n', "", f"{_WALLS}"),
    _container("a limit of memory", '        "Memory": memory,\n', "", _REPORT, _READ_BACK),
    _container("no swap", '        "MemorySwap": memory,', "        #", _REPORT, _READ_BACK),
    _container("a limit of processes", '        "PidsLimit": size.pids,\n', "", _REPORT, _READ_BACK),
    _container("a limit of CPUs", '        "NanoCpus": int(size.cpus * 1e9),\n', "", "tests/docker"),
    _container(
        "no core files", '{"Name": "core", "Soft": 0, "Hard": 0}', '{"Name": "core", "Soft": -1, "Hard": -1}', _WALLS
    ),
    _container("a limit of open files", '            {"Name": "nofile", "Soft": 4096, "Hard": 4096},\n', "", _WALLS),
    _container(
        "a limit of file size", '            {"Name": "fsize", "Soft": 1 << 30, "Hard": 1 << 30},\n', "", _WALLS
    ),
    _container("no shared memory with others", '"IpcMode": "private"', '"IpcMode": "shareable"', _READ_BACK),
    _container("a limit of shared memory", '        "ShmSize": 64 * MIB,\n', "", _READ_BACK),
    _container("no log on the host", '{"Type": "none", "Config": {}}', '{"Type": "json-file", "Config": {}}', _REPORT),
    _container("a size of every tmpfs", "size={repository_mib}m,", "", _REPORT),
    _container("a count of inodes of every tmpfs", ",nr_inodes=10000,{owner}", ",{owner}", _REPORT),
    _container("no program in the folder of the sockets", "{options},noexec", "{options},exec", _WALLS),
    _container(
        "the lease: input ends with our attach",
        '"StdinOnce": True',
        '"StdinOnce": False',
        "tests/docker/test_lifetime.py",
    ),
    _guard(
        "the image by its id",
        "debugbox/engines/docker.py",
        'reference=image["Id"]',
        'reference=image["RepoTags"][0]',
        "tests/docker/test_build.py",
        _WALLS,
    ),
    _guard(
        "settings are read back",
        "debugbox/engines/docker.py",
        "if found := list(",
        "if found := [] and list(",
        _READ_BACK,
    ),
    _container("nothing else is mounted", '    "HostConfig.Binds",\n', "", _READ_BACK),
    _container("nothing else is allowed", '    "HostConfig.CapAdd",\n', "", _READ_BACK),
    _container("no process of the host is seen", '    "HostConfig.PidMode",\n', "", _READ_BACK),
    _container("no variable is added", "    if foreign:\n", "    if False:\n", _WALLS),
    _guard(
        "no setuid file in the image",
        "sandbox/harden_base.sh",
        "-exec chmod a-s",
        "-exec true",
        f"{_WALLS}::test_the_image_holds_no_certificates_proxies_build_tools_or_setuid_files",
    ),
)

FILTER = (
    _inside("the second filter", "child.py", "        seccomp.install()\n", "", f"{_BOX}"),
    _filter("a call of the list", '    "userfaultfd": (323, 282),\n', ""),
    _filter("new namespaces by clone", "(_IF_ANY, 0, 1, _NEW_NAMESPACES)", "(_IF_ANY, 0, 1, 0)"),
    _filter("clone3 does not exist", "(_IF_EQUAL, 0, 1, _CLONE3[column])", "(_IF_EQUAL, 0, 1, 9999)"),
    _filter(
        "limits of others",
        "(_IF_EQUAL, 1, 0, 0),\n        (_RETURN, 0, 0, _DENY),",
        "(_IF_EQUAL, 1, 0, 0),\n        (_RETURN, 0, 0, _ALLOW),",
    ),
    _filter(
        "families of sockets",
        "        (_RETURN, 0, 0, _ALLOW),\n        (_RETURN, 0, 0, _DENY),",
        "        (_RETURN, 0, 0, _ALLOW),\n        (_RETURN, 0, 0, _ALLOW),",
    ),
    _filter(
        "a foreign architecture",
        "(_IF_EQUAL, 1, 0, arch),\n        (_RETURN, 0, 0, _DENY)",
        "(_IF_EQUAL, 1, 0, arch),\n        (_RETURN, 0, 0, _ALLOW)",
    ),
    _filter(
        "the numbers of x32",
        "(_IF_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _DENY)",
        "(_IF_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _ALLOW)",
    ),
)

SUPERVISOR = (
    _inside("PID 1 cannot be looked into", "supervisor.py", "    seccomp.prctl(4, 0)  # PR_SET_DUMPABLE\n", "", _BOX),
    _inside(
        "PID 1 is deaf to signals",
        "supervisor.py",
        "signal.signal(number, signal.SIG_IGN)",
        "signal.getsignal(number)",
        _BOX,
    ),
    _inside(
        "the lease runs out",
        "supervisor.py",
        "if self.wire.lease_left() < 0:",
        "if False:",
        "tests/unit/kernel/test_supervisor.py",
    ),
    _inside(
        "the lease ends with the input",
        "wire.py",
        '        if not data:\n            raise HostGone("standard input closed")\n',
        "",
        "tests/wall/test_lifetime.py",
    ),
    _inside(
        "a host that reads nothing is gone",
        "wire.py",
        "if not poll.poll(LEASE_S * 1000):",
        "if not poll.poll():",
        "tests/wall/test_lease.py",
    ),
    _inside("the kernel dies first", "child.py", "        _die_first()\n", "", _BOX),
    _inside("a session of its own", "child.py", "        os.setsid()\n", "", "tests/contract/test_endings.py"),
    _inside(
        "text of a cell",
        "outputs.py",
        "        while self._tail_chars > room:",
        "        while False:",
        "tests/unit/kernel/test_outputs.py",
    ),
    _inside(
        "number of outputs",
        "outputs.py",
        "        if not self._has_room(kind, display):",
        "        if False:",
        "tests/unit/kernel/test_outputs.py",
    ),
    _inside(
        "number and size of pictures",
        "outputs.py",
        'if self._images >= self._limits["images"] or len(png) > self._limits["image_bytes"]:',
        "if False:",
        "tests/unit/kernel/test_outputs.py",
    ),
    _inside(
        "data of an output", "outputs.py", ") > _MAX_DATA_CHARS:", ") > 1 << 40:", "tests/unit/kernel/test_outputs.py"
    ),
    _inside(
        "kinds of messages",
        "outputs.py",
        '    elif message_type == "update_display_data":',
        "    else:",
        "tests/unit/kernel/test_outputs.py",
    ),
    _inside(
        "messages that cannot be read",
        "supervisor.py",
        "if self.bad > MAX_BAD_MESSAGES:",
        "if False:",
        "tests/unit/kernel/test_supervisor.py",
    ),
    _inside(
        "size of a message of the kernel",
        "channels.py",
        "        context.setsockopt(zmq.MAXMSGSIZE, max_bytes)\n",
        "",
        "tests/unit/kernel/test_supervisor.py",
    ),
    _inside(
        "a lost connection is replaced",
        "supervisor.py",
        "self.channels.replace_lost()",
        "[]",
        "tests/contract/test_hostile.py",
    ),
    _inside("files of out alone", "files.py", 'if "/" in name or name in ("", ".", ".."):', "if False:", _BOX),
    _inside("no link out of out", "files.py", "os.O_RDONLY | os.O_NOFOLLOW", "os.O_RDONLY", _BOX),
    _inside(
        "nothing of the host's environment",
        "child.py",
        "return {**given, **own,",
        "return {**os.environ, **given, **own,",
        "tests/unit/kernel/test_child.py",
    ),
)

HOST = (
    _message(
        "length of a line",
        "self._stream.readline(MAX_LINE)\n            if line.endswith",
        "self._stream.readline()\n            if line.endswith",
        "lines over the limit",
    ),
    _message(
        "length of a frame",
        "not _is_count(announced) or announced > MAX_FRAME",
        "not _is_count(announced)",
        "a frame without end",
    ),
    _message(
        "frames that nobody asked for",
        "            self._read_past(announced)\n            raise",
        "            self._read_past(0)\n            raise",
        "files nobody asked for",
    ),
    _message("depth of JSON", "if _depth(line) > MAX_DEPTH:", "if False:", "deep nesting in data"),
    _message("number of values", 'if line.count(b",") > MAX_VALUES and', "if False and", "empty objects"),
    _message("numbers that are none", "json.loads(line, parse_constant=_no_constant)", "json.loads(line)"),
    _message("known types", " or type_ not in _SHAPES:", ":"),
    _message("shapes", "        if not fits(message.get(field)):", "        if False:"),
    _message("clean text", "cleaned_message: Message = cleaned(message)", "cleaned_message: Message = message"),
    _message("bad messages end the box", "if self.bad > MAX_BAD:", "if False:", "not JSON"),
    _foreign("size of a picture's file", "if len(data) > limits.max_bytes:", "if False:"),
    _foreign("size of a picture by its header", "if not 0 < width * height <= limits.max_pixels:", "if False:"),
    _guard(
        "memory of what decodes a picture",
        "debugbox/pngchild.py",
        "        (resource.RLIMIT_AS, MEMORY_BYTES),\n",
        "",
        "tests/unit/test_foreign.py",
    ),
    _guard(
        "text and profiles of a picture",
        "debugbox/pngchild.py",
        "    picture.info.clear()",
        "    picture.info",
        "tests/unit/test_foreign.py",
    ),
    _foreign(
        "a PNG and nothing else",
        'if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:',
        "if len(data) < 33:",
    ),
    _foreign("control characters", '    "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f"', '    "\\x00"'),
    _foreign("zero width and bidi", "\\u200b-\\u200f\\u202a-\\u202e", ""),
    _foreign("tags that smuggle text", "\\U000e0000-\\U000e007f", ""),
    _foreign("lone surrogates", '    "\\ud800-\\udfff"', '    ""'),
)

SNAPSHOT = (
    _taken("git's hooks", "git.py", '"-c", "core.hooksPath=/dev/null", ', ""),
    _taken("git's monitor", "git.py", '"-c", "core.fsmonitor=false", ', ""),
    _taken(
        "git's filters",
        "git.py",
        "changed = {path for path, blob in blobs.items() if head.get(path) != blob}",
        'changed = set(os.fsdecode(self.ask("diff", "--name-only", "HEAD")).split())',
    ),
    _taken("git's locks", "git.py", '        "GIT_OPTIONAL_LOCKS": "0",\n', ""),
    _taken(
        "git's own variables",
        "git.py",
        '    return {\n        "PATH"',
        '    return {\n        **os.environ,\n        "PATH"',
    ),
    _taken(
        "no link is followed",
        "tree.py",
        "_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW",
        "_FOLDER = os.O_RDONLY | os.O_DIRECTORY",
    ),
    _taken("no file that is a link", "tree.py", "_FILE = os.O_RDONLY | os.O_NOFOLLOW", "_FILE = os.O_RDONLY"),
    _taken("nothing is waited for", "tree.py", " | os.O_NONBLOCK", ""),
    _taken("links stay inside", "taking.py", 'if target.startswith("/") or inside.startswith(".."):', "if False:"),
    _taken("size of a file", "taking.py", "if details.st_size > limit:", "if False:"),
    _taken("sum of the files", "taking.py", "if self.sum_bytes > self._limits.snapshot_bytes:", "if False:"),
    _taken("number of files", "listing.py", "if len(paths) > limits.snapshot_files:", "if False:"),
    _taken("secrets by their name", "taking.py", "if not allowed and secret_by_name(path):", "if False:"),
    _taken("secrets by their shape", "taking.py", "if not allowed and len(content) <= _MASK_UP_TO_BYTES:", "if False:"),
    _taken("included paths are inside", "listing.py", 'if name.startswith(("../", "/")) or', "if False and"),
    _taken(
        "included paths are no links", "listing.py", "if (root / name).resolve() != root.resolve() / name:", "if False:"
    ),
    _guard(
        "the box unpacks inside alone",
        "kernels/debugbox_kernel/untar.py",
        'if name in (b"", b".", b"..") or b"\\0" in name:',
        "if False:",
        "tests/unit/test_untar.py",
    ),
    _guard(
        "the box unpacks no link outwards",
        "kernels/debugbox_kernel/untar.py",
        "        check_link(parent, link)\n",
        "",
        "tests/unit/test_untar.py",
    ),
)

LIFE = (
    _guard(
        "an early box is the one that is wanted",
        "debugbox/early.py",
        "if box is not None and not (self._plan and self._plan.is_for(environment, size, context)):",
        "if False:",
        "tests/unit/test_early.py",
    ),
    _guard(
        "an owner that lives is not swept",
        "debugbox/engines/docker_owner.py",
        "return start_time(int(pid)) != started",
        "return True",
        "tests/docker/test_lifetime.py",
        "tests/unit/test_leftovers.py",
    ),
    _guard(
        "another host's is not swept",
        "debugbox/engines/docker_owner.py",
        "if host != host_id() or not pid.isdigit():",
        "if not pid.isdigit():",
        "tests/docker/test_lifetime.py",
    ),
    _guard(
        "an owner that is gone is swept",
        "debugbox/engines/docker_owner.py",
        "return start_time(int(pid)) != started",
        "return False",
        "tests/docker/test_lifetime.py",
    ),
    _guard(
        "a failed build leaves nothing",
        "debugbox/engines/docker.py",
        "            docker_build.remove_stages(self._api, plan)\n",
        "            pass\n",
        "tests/docker/test_build.py",
    ),
    _guard(
        "a box that fails to start is removed",
        "debugbox/engines/docker.py",
        "self._api.remove_container(container, force=True)",
        "pass",
        _WALLS,
    ),
)

CONFIGURATION = (
    _setting("keys that a repository may set", "        elif name not in _REPOSITORY_MAY_SET:", "        elif False:"),
    _setting("limits go down alone", "            if limit > getattr(settings.limits, name):", "            if False:"),
    _setting(
        "the archive stays inside",
        'if not folder.is_relative_to(repository.resolve()) or ".git" in folder.parts:',
        "if False:",
    ),
    _setting(
        "a linked configuration is not read", "if path.is_symlink() or not path.is_file():", "if not path.is_file():"
    ),
)

EMBEDDED = (
    _embedded("no namespaces inside", '"--disable-userns", "--assert-userns-disabled"', '"--unshare-uts"', _NAMESPACES),
    _embedded(
        "namespaces of its own", '"--unshare-all", ', '"--unshare-pid", "--unshare-uts", ', _BOX, "-k", "not docker"
    ),
    _embedded("a clean environment", '"--clearenv", ', "", _NAMESPACES),
    _embedded("capabilities", '"--cap-drop", "ALL"', '"--cap-add", "ALL"', _BOX, "-k", "not docker"),
    _embedded(
        "it dies with us",
        '"--as-pid-1", "--die-with-parent"',
        '"--as-pid-1"',
        "tests/wall/test_lifetime.py",
        "-k",
        "not docker",
    ),
    _embedded(
        "sizes of tmpfs", '["--size", str(count), "--tmpfs", folder]', '["--tmpfs", folder]', _BOX, "-k", "not docker"
    ),
    _guard(
        "size of shared memory",
        "debugbox/engines/bubblewrap.py",
        '*("--size", str(walls.MIB), "--tmpfs", "/dev/shm",',
        '*("--tmpfs", "/dev/shm",',
        _BOX,
        "-k",
        "not docker",
    ),
    _guard(
        "nothing else can be written",
        "debugbox/engines/bubblewrap.py",
        '"--remount-ro", "/dev", "--remount-ro", "/"',
        '"--remount-ro", "/dev"',
        _BOX,
        "-k",
        "not docker",
    ),
    _guard(
        "a cgroup of its own", "debugbox/engines/bubblewrap.py", "            *confinement.prefix,\n", "", _NAMESPACES
    ),
)

GUARDS = (*CONTAINER, *FILTER, *SUPERVISOR, *HOST, *SNAPSHOT, *LIFE, *CONFIGURATION, *EMBEDDED)
