"""Machine code of kernels that is called without Numba, for commands that live for half a second.

`homeroom.adapters.code_keeping` puts what Numba has compiled into one file. Here it is linked, a kernel when it is
first called, by LLVM's linker alone (half a millisecond a kernel, and 25 ms for the library), and called by ctypes, as
Numba calls it itself: arrays become the seven and more numbers that Numba's arrays consist of (its data model; the two
pointers for counting references are null, which it knows as "not ours"). ctypes lets other threads run meanwhile.

Code counts only for the machine and the very sources that it was made from; otherwise, and for whatever it does not
know, `code_for` says None, and Numba does the work. A wrong answer is never the price of a quick start.
"""

import ctypes
import pickle
import struct
import sys
import threading
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from homeroom.kernel import Code, Kernel, take_from

__all__ = [
    "FORMATS",
    "LENGTH",
    "MAGIC",
    "Kept",
    "KeptCode",
    "Piece",
    "file_of_code",
    "link",
    "machine",
    "read_code",
    "stamps_of",
    "types_key",
    "use_kept_code",
]

MAGIC: Final = b"homeroom kernels 2\n"
LENGTH: Final = struct.Struct("<II")
"""Length of the head and its CRC-32: a flipped bit in it could give code to arguments that it is not made for."""
FORMATS: Final = {
    "|b1": "?", "|i1": "b", "|u1": "B", "<i2": "h", "<u2": "H", "<i4": "i", "<u4": "I",
    "<i8": "q", "<u8": "Q", "<f4": "f", "<f8": "d",
}  # fmt: skip
"""Types of values, as NumPy writes them, that kernels take and return, and how `struct` writes them."""
_C_TYPES: Final = {
    "|b1": ctypes.c_uint8, "|i1": ctypes.c_int8, "|u1": ctypes.c_uint8, "<i2": ctypes.c_int16,
    "<u2": ctypes.c_uint16, "<i4": ctypes.c_int32, "<u4": ctypes.c_uint32, "<i8": ctypes.c_int64,
    "<u8": ctypes.c_uint64, "<f4": ctypes.c_float, "<f8": ctypes.c_double,
}  # fmt: skip
_PACKAGE: Final = Path(__file__).resolve().parent.parent
_COMPILERS: Final = ("numba", "llvmlite")
_NOTHING: Final = "none"
_PYTHON_TYPES: Final = {int: "<i8", bool: "|b1", float: "<f8", type(None): _NOTHING}
_INT64 = range(-(2**63), 2**63)


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """Where the code of one kernel, for arguments of one kind, stands in the file."""

    offset: int
    size: int
    crc: int
    symbol: str
    returns: tuple[str, ...] | str | None
    """The type of what is returned, several as a tuple; None: nothing."""


class Kept(msgspec.Struct, frozen=True):
    """What stands at the head of the file."""

    machine: tuple[str, str, str]
    stamps: dict[str, tuple[int, int]]
    """Of each source that code was made from: size, and CRC-32. Times would not do: images and packages set them all
    to one, so that two releases can look alike."""
    pieces: dict[str, Piece]
    """By name of the kernel and `types_key`."""


class _UnknownTypeError(Exception):
    """Arguments that kept code is not made for."""


def file_of_code() -> Path:
    """Return the file that holds the code: in the folder of Numba's own, if one is set, else beside the package."""
    import os

    chosen = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(chosen) if chosen else _PACKAGE / "__pycache__"
    return folder / f"kernels.{sys.implementation.cache_tag}.kept"


def use_kept_code() -> None:
    """Let kernels of this process do without Numba as far as code for them is kept.

    Does nothing where Numba is there already, or is told to compile nothing.
    """
    import os

    if "numba" not in sys.modules and os.environ.get("NUMBA_DISABLE_JIT", "0") == "0":
        take_from(read_code(file_of_code()))


def read_code(file: Path) -> "KeptCode | None":
    """Return the code in a file; None if there is none, or it was made by other sources or for another machine."""
    content = _trusted(file)
    start = len(MAGIC) + LENGTH.size
    if len(content) < start or not content.startswith(MAGIC):
        return None
    length, crc = LENGTH.unpack_from(content, len(MAGIC))
    head = content[start : start + length]
    try:
        kept = msgspec.json.decode(head, type=Kept)
    except msgspec.DecodeError:
        return None
    if zlib.crc32(head) != crc or kept.machine != machine():
        return None
    if kept.stamps != stamps_of(kept.stamps):
        return None
    return KeptCode(kept.pieces, memoryview(content)[start + length :])


def _trusted(file: Path) -> bytes:
    """Return what a file holds; nothing of one that somebody else may have written: what it holds is run.

    Others are all but the user of this process, the system's own, and whoever owns the package: what that holds is run
    anyway.
    """
    import os

    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            owners = {0, os.geteuid(), _PACKAGE.stat().st_uid}
            if status.st_uid not in owners or status.st_mode & 0o022:
                return b""
            return opened.read()
    except OSError:  # nothing is kept: Numba says what it compiles
        return b""


def machine() -> tuple[str, str, str]:
    """Return what code is made for: kind of machine, processor, and what that can do."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().flatten()
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), features


def stamps_of(names: Any) -> dict[str, tuple[int, int]]:  # noqa: ANN401 - any iterable of names
    """Return sizes of files and CRC-32 of what they hold, -1 for what is not there.

    Names are relative to the package; ``numba`` and ``llvmlite`` are the files that have their versions.
    """
    found = {}
    for name in names:
        try:
            content = _source(name).read_bytes()
        except OSError:
            found[name] = (-1, -1)
        else:
            found[name] = (len(content), zlib.crc32(content))
    return found


def _source(name: str) -> Path:
    if name not in _COMPILERS:
        return _PACKAGE / name
    spec = find_spec(name)
    return Path(spec.origin).with_name("_version.py") if spec and spec.origin else Path(name)


def types_key(arguments: tuple[Any, ...]) -> str:
    """Return the types of arguments as a text, as far as they are of importance for code.

    Raises
    ------
    _UnknownTypeError
        Code is never kept for such arguments.
    """
    return ",".join([_type_key(value) for value in arguments])


def _type_key(value: Any) -> str:  # noqa: ANN401
    kind = type(value)
    if kind is np.ndarray:
        return _array_key(value)
    if isinstance(value, tuple):
        name = "" if kind is tuple else f"{kind.__module__}.{kind.__qualname__}"
        return f"{name}({types_key(value)})"
    is_numpy = isinstance(value, np.generic)
    key = value.dtype.str if is_numpy else _PYTHON_TYPES.get(kind, "")
    if (key not in FORMATS and key != _NOTHING) or (kind is int and value not in _INT64):
        raise _UnknownTypeError
    return key


def _array_key(array: np.ndarray[Any, Any]) -> str:
    flags = array.flags
    if not flags.aligned:
        raise _UnknownTypeError
    layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
    return f"{array.dtype.str}{array.ndim}{layout}{'w' if flags.writeable else 'r'}"


def _flatten(value: Any, types: list[Any], values: list[Any]) -> None:  # noqa: ANN401
    """Add one argument as Numba passes it."""
    if isinstance(value, np.ndarray):
        types += [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 2 + [ctypes.c_void_p]
        types += [ctypes.c_int64] * (2 * value.ndim)
        values += (None, None, value.size, value.itemsize, value.ctypes.data)
        values += value.shape
        values += value.strides
    elif isinstance(value, tuple):
        for one in value:
            _flatten(one, types, values)
    elif value is None:
        types.append(ctypes.c_void_p)
        values.append(None)
    else:
        types.append(_C_TYPES[_type_key(value)])
        values.append(value if type(value) in {int, float, bool} else value.item())


class KeptCode:
    """Code that is linked when it is first called, from any thread."""

    def __init__(self, pieces: dict[str, Piece], content: memoryview) -> None:
        self._pieces = pieces
        self._content = content
        self._linked: dict[str, Code | None] = {}
        self._linking = threading.Lock()

    def code_for(self, wanted: Kernel, arguments: tuple[Any, ...]) -> Code | None:
        """Return what to call with such arguments, or None if nothing is kept for their types."""
        try:
            name = f"{wanted.name} {types_key(arguments)}"
        except _UnknownTypeError:
            return None
        try:
            return self._linked[name]
        except KeyError:
            pass
        with self._linking:
            if name not in self._linked:
                self._linked[name] = self._link(name)
        return self._linked[name]

    def _link(self, name: str) -> Code | None:
        piece = self._pieces.get(name)
        if piece is None:
            return None
        code = self._content[piece.offset : piece.offset + piece.size]
        if zlib.crc32(code) != piece.crc:  # damaged on disk: Numba has its own
            return None
        try:
            return _Function(link(bytes(code), piece.symbol), piece.returns)
        except RuntimeError:  # it needs what is not here
            return None


class _Linker:
    """LLVM's linker, one a process, and what keeps linked code in memory."""

    made: Any = None
    asked = 0
    kept_alive: list[Any] = []  # noqa: RUF012 - of the process, on purpose


def link(code: bytes, symbol: str) -> int:
    """Link an object file into this process, for good, and return the address of a symbol in it.

    Raises
    ------
    RuntimeError
        It needs something that this process does not have.
    """
    import llvmlite.binding as llvm

    if _Linker.made is None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        _Linker.made = llvm.create_lljit_compiler()
    _Linker.asked += 1
    library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    linked = library.export_symbol(symbol).link(_Linker.made, f"kernel {_Linker.asked}")
    _Linker.kept_alive.append(linked)
    return int(linked[symbol])


class _Function:
    """Code as Python calls it: Numba's own convention (`numba.core.callconv.CPUCallConv`)."""

    def __init__(self, address: int, returns: tuple[str, ...] | str | None) -> None:
        self._address = address
        self._native: Any = None
        self._is_one = not isinstance(returns, tuple)
        kinds = () if returns is None else (returns,) if isinstance(returns, str) else returns
        self._returned = struct.Struct("@" + "".join(FORMATS[kind] for kind in kinds))

    def __call__(self, *arguments: Any) -> Any:  # noqa: ANN401
        """Call it; raise what the kernel raises."""
        types: list[Any] = []
        values: list[Any] = []
        for argument in arguments:
            _flatten(argument, types, values)
        if self._native is None:
            pointers = [ctypes.c_void_p] * 2
            self._native = ctypes.CFUNCTYPE(ctypes.c_int32, *pointers, *types)(self._address)
        place = ctypes.create_string_buffer(max(8, self._returned.size))
        problem = ctypes.c_void_p()
        if self._native(place, ctypes.byref(problem), *values) != 0:
            _raise(problem.value)
        found = self._returned.unpack_from(place)
        return (found[0] if found else None) if self._is_one else found


class _Problem(ctypes.Structure):
    """How compiled code says which exception it raises: pickled class, arguments and place."""

    _fields_ = (("pickled", ctypes.c_void_p), ("size", ctypes.c_int32))


def _raise(place: int | None) -> None:
    if place is None:
        raise RuntimeError("a kernel failed and did not say why")
    problem = _Problem.from_address(place)
    kind, arguments, *_ = pickle.loads(ctypes.string_at(problem.pickled, problem.size))  # noqa: S301 - made by us
    raise kind(*(arguments or ()))
