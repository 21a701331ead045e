"""The second filter, on both architectures: its instructions are carried out here, one call at a time."""

import ctypes
import ctypes.util
import errno
import socket
import struct

import pytest
from debugbox_kernel import seccomp

ALLOWED, DENIED, MISSING = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
MACHINES = list(seccomp.ARCHITECTURES)
SPECIAL = {"clone": (56, 220), "clone3": (435, 435), "socket": (41, 198), "prlimit64": (302, 261)}
HARMLESS = {"read": (0, 63), "openat": (257, 56), "execve": (59, 221), "futex": (202, 98), "kill": (62, 129)}

# Entered twice on purpose: a call that goes missing in the filter's own table is noticed here.
NAMES = """
    acct add_key adjtimex bpf chroot clock_adjtime clock_settime delete_module fanotify_init finit_module
    fsconfig fsmount fsopen fspick init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp
    kexec_file_load kexec_load keyctl lookup_dcookie memfd_secret modify_ldt mount mount_setattr move_mount
    name_to_handle_at open_by_handle_at open_tree perf_event_open personality pidfd_getfd pivot_root
    process_vm_readv process_vm_writev ptrace quotactl quotactl_fd reboot request_key setns settimeofday splice
    swapoff swapon syslog tee umount2 unshare userfaultfd vhangup vmsplice
"""


def answer(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the kernel would be told for this call."""
    words = [each & (1 << 64) - 1 for each in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("<IIQ6Q", number, seccomp.ARCHITECTURES[machine][1] if arch is None else arch, 0, *words)
    accumulator = position = 0
    instructions = seccomp.program(machine)
    while True:
        code, if_true, if_false, value = instructions[position]
        position += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x06:
            return value
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            position += if_true if holds else if_false


def number_of(name: str, machine: str) -> int:
    return {**SPECIAL, **HARMLESS}[name][seccomp.ARCHITECTURES[machine][0]]


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_of_the_list_is_denied_and_others_are_not(machine: str) -> None:
    column = seccomp.ARCHITECTURES[machine][0]
    assert sorted(seccomp.DENIED) == NAMES.split()
    numbers = [each[column] for each in seccomp.DENIED.values() if each[column] is not None]
    assert {answer(machine, number or 0) for number in numbers} == {DENIED}
    assert {answer(machine, number_of(name, machine)) for name in HARMLESS} == {ALLOWED}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_that_libseccomp_knows(machine: str) -> None:
    name = ctypes.util.find_library("seccomp")
    if name is None:
        pytest.skip("there is no libseccomp here to compare with")
    resolve = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    resolve.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    column, arch = seccomp.ARCHITECTURES[machine]
    for call, numbers in {**seccomp.DENIED, **SPECIAL}.items():
        known = resolve(arch, call.encode())
        # Below zero it has no such call: an older library, or another architecture's.
        assert numbers[column] == known or known < 0, call


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("clone", (0x3D0F00,), ALLOWED),  # a thread
        ("clone", (0x10000000,), DENIED),  # a user namespace
        ("clone", (0x00020000 | 0x11,), DENIED),  # a mount namespace
        ("clone", (0x80 | 0x11,), DENIED),  # a time namespace
        ("clone3", (0, 0), MISSING),
        ("prlimit64", (0, 7), ALLOWED),
        ("prlimit64", (1, 7), DENIED),
        ("socket", (socket.AF_UNIX, 1, 0), ALLOWED),
        ("socket", (socket.AF_INET, 1, 0), ALLOWED),
        ("socket", (socket.AF_INET6, 1, 0), ALLOWED),
        ("socket", (16, 3, 0), ALLOWED),  # netlink, routes: what names the interfaces
        ("socket", (16, 3, 12), DENIED),  # netlink, the packet filter
        ("socket", (17, 3, 0), DENIED),  # packets
        ("socket", (38, 5, 0), DENIED),  # the kernel's own cryptography
        ("socket", (40, 1, 0), DENIED),  # to the machine below
    ],
)
def test_what_depends_on_arguments(machine: str, name: str, arguments: tuple[int, ...], wanted: int) -> None:
    assert answer(machine, number_of(name, machine), *arguments) == wanted


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_of_another_architecture_are_denied(machine: str) -> None:
    for arch in (0x40000003, 0x40000028, *(each for _, each in seccomp.ARCHITECTURES.values())):
        own = arch == seccomp.ARCHITECTURES[machine][1]
        assert answer(machine, number_of("read", machine), arch=arch) == (ALLOWED if own else DENIED)


def test_the_numbers_of_x32_are_denied() -> None:
    assert answer("x86_64", 0x40000000 | number_of("read", "x86_64")) == DENIED
