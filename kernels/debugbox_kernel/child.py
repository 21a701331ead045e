"""Runs in the box. The kernel as the supervisor's child: started, interrupted, killed, its end explained."""

import json
import os
import resource
import signal
import sys
import uuid

from . import seccomp

BOX = "/opt/box"
REPO = "/srv/repo"
OUT = "/srv/out"
HOME = "/home/box"
SOCKETS = "/run/box"
CONNECTION = SOCKETS + "/kernel.json"

_STDERR_TAIL = 8192


def environment(cpus):
    """All that the kernel finds in its environment: a literal list, nothing inherited."""
    threads = str(max(1, int(cpus)))
    return {
        "PATH": BOX + "/repo/bin:" + BOX + "/kernel/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": HOME,
        "USER": "box",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": "/tmp",
        "IPYTHONDIR": HOME + "/.ipython",
        "MPLCONFIGDIR": HOME + "/.mpl",
        "XDG_CACHE_HOME": HOME + "/.cache",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
    }


class Kernel:
    """A running kernel process. `fd` becomes readable when it ends; `stderr_fd` has its last words."""

    def __init__(self, pid, stderr_fd, enforced, connection):
        self.pid = pid
        self.fd = os.pidfd_open(pid)
        self.stderr_fd = stderr_fd
        self.enforced = enforced
        self.connection = connection
        self._last_words = b""

    @classmethod
    def start(cls, context, cpus):
        """Fork and exec the kernel, with its own session, limits and the second filter."""
        for folder in (REPO, OUT, HOME + "/.mpl"):
            os.makedirs(folder, exist_ok=True)
        connection = _write_connection_file()
        variables = environment(cpus)
        variables["DEBUGBOX_CONTEXT"] = json.dumps(context)
        launcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")
        python = BOX + "/kernel/bin/python"
        command = [python, "-s", "-B", launcher, CONNECTION]
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become_kernel(command, variables, writer)
        os.close(writer)
        os.set_blocking(reader, False)
        enforced = {"seccomp filter": seccomp.platform.machine() in seccomp._ARCHITECTURES}
        return cls(pid, reader, enforced, connection)

    def interrupt(self):
        self._signal(signal.SIGINT)

    def kill(self):
        self._signal(signal.SIGKILL)

    def _signal(self, number):
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def listen(self):
        """Take what the kernel wrote to its original stderr: faulthandler's words, a failed start."""
        try:
            self._last_words = (self._last_words + os.read(self.stderr_fd, 1 << 16))[-_STDERR_TAIL:]
        except BlockingIOError:
            pass

    def usage(self):
        """(CPU seconds of kernel and finished children, peak resident bytes) so far."""
        try:
            with open("/proc/%d/stat" % self.pid) as file:
                ticks = file.read().rpartition(")")[2].split()[11:15]
            with open("/proc/%d/status" % self.pid) as file:
                peak = [line for line in file if line.startswith("VmHWM:")]
        except OSError:
            return 0.0, 0
        seconds = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        return seconds, int(peak[0].split()[1]) * 1024 if peak else 0

    def cause_of_death(self, status, memory_bytes):
        """The wait status in words."""
        self.listen()
        words = self._last_words.decode("utf-8", "replace").strip()
        if os.WIFEXITED(status):
            code = os.WEXITSTATUS(status)
            cause = "it exited with code %d" % code
            return cause + (": " + words.splitlines()[-1] if words and code else "")
        number = os.WTERMSIG(status)
        if number == signal.SIGKILL:
            return _killed(memory_bytes)
        if number == signal.SIGSEGV:
            return "segmentation fault" + _crashed_in(words)
        return "signal %d (%s)%s" % (number, signal.Signals(number).name, _crashed_in(words))


def _killed(memory_bytes):
    if oom_kills():
        return "killed by the memory limit of %s" % gibibytes(memory_bytes)
    return "killed by signal 9 (if its memory was near %s, by the memory limit)" % gibibytes(memory_bytes)


def gibibytes(count):
    return "%.3g GiB" % (count / (1 << 30))


def oom_kills():
    """How often the memory limit killed a process of this box, where its cgroup can be read."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            with open(path) as file:
                return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
        except OSError:
            continue
    return 0


def _crashed_in(words):
    """` in FUNCTION (FILE, line N)` from faulthandler's report, as far as there is one."""
    for line in words.splitlines():
        line = line.strip()
        if line.startswith("File "):
            file, _, rest = line[5:].partition(", line ")
            number, _, function = rest.partition(" in ")
            return " in %s (%s, line %s)" % (function, file.strip('"'), number)
    return ""


def _write_connection_file():
    connection = {
        "transport": "ipc",
        "ip": SOCKETS + "/kernel",
        "shell_port": 1,
        "iopub_port": 2,
        "stdin_port": 3,
        "control_port": 4,
        "hb_port": 5,
        "key": uuid.uuid4().hex,
        "signature_scheme": "hmac-sha256",
        "kernel_name": "",
    }
    with open(CONNECTION, "w") as file:
        json.dump(connection, file)
    return connection


def _become_kernel(command, variables, stderr_fd):
    """In the child, up to exec. Whatever fails ends the child: there is no way back."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for target, source in ((0, null), (1, null), (2, stderr_fd)):
            os.dup2(source, target)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        seccomp.prctl(4, 1)  # PR_SET_DUMPABLE: the supervisor may read /proc/PID of the kernel
        _die_first()
        seccomp.install()
        os.chdir(REPO)
        os.execve(command[0], command, variables)
    except OSError as error:
        os.write(2, str(error).encode())
    finally:
        os._exit(127)


def _die_first():
    """When memory runs out, the kernel is what the system ends, not the supervisor."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError as error:
        print("oom_score_adj:", error, file=sys.stderr)
