"""Makes each ``fsync`` of this process fail from some moment on, as a dying disk would: the kernel itself says so.

A filter for system calls (seccomp, Linux) answers ``EIO`` in place of doing it. It cannot be taken away again, so it is
for a child.
"""

import ctypes
import errno
import platform
import struct

_NUMBERS = {"x86_64": (0xC000003E, (74, 75)), "aarch64": (0xC00000B7, (82, 83))}
AVAILABLE = platform.system() == "Linux" and platform.machine() in _NUMBERS
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def fail_syncs() -> None:
    """Let ``fsync`` and ``fdatasync`` fail from now on, in this process."""
    _, calls = _NUMBERS[platform.machine()]
    lines = [
        (_LOAD, 0, 0, 0),  # the number of the call
        (_JUMP_IF_EQUAL, 1, 0, calls[0]),
        (_JUMP_IF_EQUAL, 0, 1, calls[1]),
        (_RETURN, 0, 0, _ERROR | errno.EIO),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = _Program(len(lines), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    assert libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0
    done = libc.prctl(set_seccomp, filter_mode, ctypes.byref(program), 0, 0)
    assert done == 0, ctypes.get_errno()
