"""Runs in the box. The second seccomp filter: installed in the kernel child before exec.

It stacks on the engine's own filter (filters only ever get stricter), and is the only one in the
bubblewrap engine. What stands on the list and why: the page-cache write family, the doorways of
kernel exploits, everything that looks into other processes. System call numbers are those of the
kernel's own tables (asm/unistd_64.h, asm-generic/unistd.h).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

# name: (x86_64, aarch64); None where the architecture has no such call.
DENIED = {
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "memfd_secret": (447, 447),
    "modify_ldt": (154, None),
    "personality": (135, 92),
    "splice": (275, 76),
    "tee": (276, 77),
    "vmsplice": (278, 75),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "iopl": (172, None),
    "ioperm": (173, None),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "lookup_dcookie": (212, 18),
    "vhangup": (153, 58),
}
_CLONE, _CLONE3, _SOCKET, _PRLIMIT = (56, 220), (435, 435), (41, 198), (302, 261)
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
# CLONE_NEW: time, ns, cgroup, uts, ipc, user, pid, net
_NEW_NAMESPACES = 0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
_X32 = 0x40000000
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16

_ALLOW = 0x7FFF0000
_DENY = 0x00050000 | errno.EPERM
_MISSING = 0x00050000 | errno.ENOSYS
_LOAD, _RETURN, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY = 0x20, 0x06, 0x15, 0x35, 0x45
_NUMBER, _ARCH, _ARG0, _ARG2 = 0, 4, 16, 32  # offsets in struct seccomp_data, low halves

Instruction = tuple[int, int, int, int]


def program(machine: str) -> list[Instruction]:
    """The filter as a list of BPF instructions (code, jump if true, jump if false, value)."""
    column, arch = ARCHITECTURES[machine]
    denied = [number for number in (numbers[column] for numbers in DENIED.values()) if number is not None]
    code = [
        (_LOAD, 0, 0, _ARCH),
        (_IF_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _DENY),  # a foreign architecture: its numbers mean other calls
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        code += [(_IF_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _DENY)]
    for number in denied:
        code += [(_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DENY)]
    # glibc falls back to clone, whose flags can be read, when clone3 does not exist.
    code += [(_IF_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _MISSING)]
    code += _clone_rules(_CLONE[column]) + _prlimit_rules(_PRLIMIT[column]) + _socket_rules(_SOCKET[column])
    return [*code, (_RETURN, 0, 0, _ALLOW)]


def _clone_rules(number: int) -> list[Instruction]:
    return [
        (_IF_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARG0),
        (_IF_ANY, 0, 1, _NEW_NAMESPACES),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _prlimit_rules(number: int) -> list[Instruction]:
    # Only on oneself (pid 0): the supervisor runs under the same uid.
    return [
        (_IF_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARG0),
        (_IF_EQUAL, 1, 0, 0),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _socket_rules(number: int) -> list[Instruction]:
    return [
        (_IF_EQUAL, 0, 9, number),
        (_LOAD, 0, 0, _ARG0),
        (_IF_EQUAL, 5, 0, _UNIX),
        (_IF_EQUAL, 4, 0, _INET),
        (_IF_EQUAL, 3, 0, _INET6),
        (_IF_EQUAL, 0, 3, _NETLINK),
        (_LOAD, 0, 0, _ARG2),
        (_IF_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]


def install() -> bool:
    """Put the filter on this process and all its children. Returns False where there is no table.

    Raises OSError when the kernel refuses it.
    """
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        return False
    instructions = program(machine)
    packed = b"".join(struct.pack("HBBI", *each) for each in instructions)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    fprog = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(buffer))
    argument = ctypes.create_string_buffer(fprog, len(fprog))
    prctl(38, 1)  # PR_SET_NO_NEW_PRIVS: without it the filter needs a capability
    prctl(22, 2, ctypes.addressof(argument))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    return True


def prctl(option: int, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    padded = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *padded) != 0:
        code = ctypes.get_errno()
        raise OSError(code, "prctl(%d): %s" % (option, os.strerror(code)))
