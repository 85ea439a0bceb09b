"""What Numba has compiled is put into a file from which it can be called without Numba.

Numba keeps its machine code too, but in pickles that only Numba can open, and with it come the wrappers that Python
calls. Here the compiled module of each kernel is cut down to the kernel itself, everything else becomes private or
goes, and LLVM writes an object file of it, some kB. What it asks of Numba's run time are memory for arrays of its own
(`_MEMORY`, a few instructions around ``malloc``) and nothing else. A kernel that asks for more, or takes or returns
what `homeroom.adapters.kept_code` does not know, is left to Numba.

This module is the one that knows Numba from within: its data model, its libraries and its names. It runs when kernels
are compiled ahead, and nothing depends on it: without the file that it writes, Numba does what it always did.
"""

import os
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from homeroom.adapters.kept_code import (
    FORMATS,
    LENGTH,
    MAGIC,
    Kept,
    Piece,
    file_of_code,
    link,
    machine,
    stamps_of,
)
from homeroom.kernel import KERNELS, Kernel

__all__ = ["keep_code"]

_SOURCES = ("homeroom.events.", "homeroom.state.", "homeroom.cohorts.kernels.")
"""Modules that hold kernels, or constants and instructions that are compiled into them."""
_OF_PYTHON = ("NRT_", "numba_", "Py", "_Py")
"""Functions of Numba's run time and of Python's, which code must do without."""
_MEMORY = """
target triple = "{triple}"

declare ptr @malloc(i64)
declare void @free(ptr)

define ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) {{
    %room = zext i32 %align to i64
    %padded = add i64 %size, %room
    %all = add i64 %padded, 48
    %info = call ptr @malloc(i64 %all)
    %none = icmp eq ptr %info, null
    br i1 %none, label %done, label %fill
fill:
    %place = ptrtoint ptr %info to i64
    %behind = add i64 %place, 48
    %above = add i64 %behind, %room
    %last = sub i64 %above, 1
    %mask = sub i64 0, %room
    %aligned = and i64 %last, %mask
    %data = inttoptr i64 %aligned to ptr
    store i64 1, ptr %info
    %data_place = getelementptr i8, ptr %info, i64 24
    store ptr %data, ptr %data_place
    %size_place = getelementptr i8, ptr %info, i64 32
    store i64 %size, ptr %size_place
    br label %done
done:
    ret ptr %info
}}

define void @NRT_MemInfo_call_dtor(ptr %info) {{
    call void @free(ptr %info)
    ret void
}}
"""
"""Arrays that a kernel makes for itself: Numba's ``MemInfo`` (references, destructor, its argument, data, size,
allocator: 48 bytes), with the data behind it, aligned. It is freed when nothing refers to it any more."""


class _LeftToNumbaError(Exception):
    """A kernel takes, returns or needs what kept code does not know."""


def keep_code(kernels: Sequence[Kernel] | None = None) -> int:
    """Write the code of kernels that this process has called by way of Numba; return how many pieces it is.

    ``kernels`` are all that answer questions, where none are named: what else there is has sources of its own.

    The file is replaced in one step. Nothing is written where the folder cannot be written to.
    """
    if kernels is None:
        kernels = [one for one in KERNELS if one.name.startswith(_SOURCES)]
    target = file_of_code()
    pieces: dict[str, Piece] = {}
    codes: list[bytes] = []
    offset = 0
    for kernel in kernels:
        for name, code, symbol, returns in _compiled(kernel):
            piece = Piece(offset, len(code), zlib.crc32(code), symbol, returns)
            pieces[name] = piece
            codes.append(code)
            offset += len(code)
    kept = Kept(machine(), stamps_of(_sources()), pieces)
    head = msgspec.json.encode(kept)
    content = b"".join((MAGIC, LENGTH.pack(len(head), zlib.crc32(head)), head, *codes))
    return len(pieces) if _replaced(target, content) else 0


def _replaced(target: Path, content: bytes) -> bool:
    """Put a file in place in one step; say whether that was possible."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)
    except OSError:  # somebody else's folder: commands start as Numba starts them
        return False
    written = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        written.chmod(0o644)
        written.replace(target)
    except OSError:  # no room
        written.unlink(missing_ok=True)
        return False
    return True


def _sources() -> list[str]:
    """Return what code is made of, as `stamps_of` takes it."""
    root = Path(__file__).resolve().parent.parent
    files = [
        module.__file__
        for name, module in sys.modules.items()
        if name.startswith(_SOURCES) or name in {"homeroom.limits", "homeroom.kernel"}
    ]
    own = sorted(str(Path(file).relative_to(root)) for file in files if file)
    return ["numba", "llvmlite", *own, "adapters/kept_code.py", "adapters/code_keeping.py"]


def _compiled(kernel: Kernel) -> Iterator[tuple[str, bytes, str, tuple[str, ...] | str | None]]:
    """Yield the code of a kernel for each of the types that it was called with, by the name it is found by."""
    if not kernel.was_called:
        return
    for compiled in kernel.dispatcher.overloads.values():
        try:
            key = ",".join(_type_key(kind) for kind in compiled.signature.args)
            returns = _returned(compiled.signature.return_type)
            symbol = compiled.fndesc.mangled_name
            code = _object_of(compiled.library, symbol)
            link(code, symbol)
        except (_LeftToNumbaError, RuntimeError):
            continue
        yield f"{kernel.name} {key}", code, symbol, returns


def _type_key(kind: Any) -> str:  # noqa: ANN401 - Numba's types
    """Return the text that `homeroom.adapters.kept_code.types_key` gives values of a type."""
    from numba.core import types

    if isinstance(kind, types.Array):
        if not kind.aligned:
            raise _LeftToNumbaError
        return f"{_scalar_key(kind.dtype)}{kind.ndim}{kind.layout}{'w' if kind.mutable else 'r'}"
    if isinstance(kind, types.NoneType):
        return "none"
    if isinstance(kind, types.BaseTuple):
        owner = getattr(kind, "instance_class", None)
        name = "" if owner is None else f"{owner.__module__}.{owner.__qualname__}"
        return f"{name}({','.join(_type_key(one) for one in _parts(kind))})"
    return _scalar_key(kind)


def _parts(kind: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Return the types in the type of a tuple."""
    return tuple(kind)


def _scalar_key(kind: Any) -> str:  # noqa: ANN401
    from numba.core import types
    from numba.np import numpy_support

    if not isinstance(kind, types.Boolean | types.Integer | types.Float):
        raise _LeftToNumbaError
    key = numpy_support.as_dtype(kind).str
    if key not in FORMATS or isinstance(kind, types.Literal):
        raise _LeftToNumbaError
    return str(key)


def _returned(kind: Any) -> tuple[str, ...] | str | None:  # noqa: ANN401
    from numba.core import types

    if isinstance(kind, types.NoneType):
        return None
    if isinstance(kind, types.UniTuple | types.Tuple):
        return tuple(_scalar_key(one) for one in _parts(kind))
    return _scalar_key(kind)


def _object_of(library: Any, symbol: str) -> bytes:  # noqa: ANN401
    """Return an object file with nothing but one function in it, and what that calls."""
    import llvmlite.binding as llvm

    module = llvm.parse_bitcode(library._get_module_for_linking().as_bitcode())  # noqa: SLF001 - see above
    module.link_in(llvm.parse_assembly(_MEMORY.format(triple=module.triple)))
    for one in (*module.functions, *module.global_variables):
        if not one.is_declaration:
            one.linkage = "external" if one.name == symbol else "internal"
    target = library._codegen._tm  # noqa: SLF001
    builder = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(0))
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, builder)
    if any(one.name.startswith(_OF_PYTHON) for one in module.functions if one.is_declaration):
        raise _LeftToNumbaError
    return bytes(target.emit_object(module))
