"""A file that one process has to itself for as long as it is open.

What only grows (an audit log, a register of erasures), or belongs to one writer (a folder of log files), must not be
written by two. The lock is the kernel's, so it goes with its process, however that ends; a file that merely names the
process would have to be looked after when it was killed.
"""

import fcntl
import os
from pathlib import Path

from homeroom.adapters.whole_files import PRIVATE

__all__ = ["open_alone"]


def open_alone(path: Path, flags: int = 0) -> int:
    """Open a file for reading and writing, made if there is none, and lock it.

    Parameters
    ----------
    path : of the file; only its owner may read one that is made
    flags : of `os.open` beside these

    Returns
    -------
    int
        its descriptor; the lock is let go when that is closed

    Raises
    ------
    BlockingIOError
        Another process has it.
    OSError
        It cannot be opened.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, PRIVATE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise BlockingIOError(*error.args) from error
    return file
