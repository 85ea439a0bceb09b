"""What makes a function a kernel, and why Numba is imported late.

A kernel is a loop over arrays that Numba compiles. Importing Numba takes an eighth of a second, and getting it ready
for its first kernel as long again, also where all machine code lies on disk; that was half of the time of a short
question from the shell. So a kernel asks for Numba when it is first called and not where it is defined, and before
that a `Shelf` is asked for machine code that can be called without Numba (`homeroom.adapters.kept_code`). Without a
shelf, or where a call is with types that nobody has compiled ahead, everything is as Numba does it.

Numba's own dispatchers find the code for a call quicker than Python can, so whoever calls kernels for hours gets no
shelf. They are also what kernels see when they call each other.

The way not taken: ahead-of-time compilation by Numba (``numba.pycc``), which is deprecated, compiles for types that
must be listed by hand, and needs a C compiler.
"""

from collections.abc import Callable
from functools import update_wrapper
from importlib import import_module
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar, cast

__all__ = [
    "KERNELS",
    "Code",
    "Instruction",
    "Kernel",
    "Shelf",
    "borrowing",
    "cgutils",
    "inlined",
    "inlined_early",
    "instruction",
    "kernel",
    "take_from",
    "types",
]

Code: TypeAlias = Callable[..., Any]
_P = ParamSpec("_P")
_R = TypeVar("_R")


class Shelf(Protocol):
    """Where machine code is kept that needs no Numba."""

    def code_for(self, wanted: "Kernel", arguments: tuple[Any, ...]) -> Code | None:
        """Return what to call with such arguments, or None if there is nothing for their types."""
        ...


class _Reached:
    """What kernels of this process are taken from; none before somebody says so."""

    shelf: Shelf | None = None


def take_from(shelf: Shelf | None) -> None:
    """Ask a shelf before Numba from now on; None: ask none.

    Kernels that Numba was asked for stay with Numba.
    """
    _Reached.shelf = shelf


class Kernel:
    """A function that is compiled when it is first called, or was before."""

    def __init__(self, function: Callable[..., Any], **options: object) -> None:
        update_wrapper(self, function)
        self.py_func = function
        self._options = options
        self._made: Any = None
        self._call: Code = self._first_call
        KERNELS.append(self)

    def __call__(self, *arguments: Any) -> Any:  # noqa: ANN401 - whatever the kernel takes and returns
        """Run the kernel."""
        return self._call(*arguments)

    def __repr__(self) -> str:
        return f"<kernel {self.name}>"

    @property
    def name(self) -> str:
        """Module and name of the function."""
        return f"{self.py_func.__module__}:{self.py_func.__qualname__}"

    @property
    def dispatcher(self) -> Any:  # noqa: ANN401 - Numba's own
        """What Numba makes of the function; imports Numba."""
        if self._made is None:
            import numba
            from numba.core.compiler_lock import global_compiler_lock

            with global_compiler_lock:  # two threads must not make two
                if self._made is None:
                    options: dict[str, Any] = {"cache": True, "nogil": True, **self._options}
                    self._made = numba.njit(**options)(self.py_func)
        return self._made

    @property
    def was_called(self) -> bool:
        """Whether this kernel was called from outside of kernels in this process, by way of Numba."""
        return self._made is not None and self._call is self._made

    @property
    def targetoptions(self) -> Any:  # noqa: ANN401 - Numba looks here for what is to be inlined
        """The options of Numba's dispatcher."""
        return self.dispatcher.targetoptions

    @property
    def _numba_type_(self) -> Any:  # noqa: ANN401 - how Numba asks what a global of a kernel is
        return self.dispatcher._numba_type_

    def _first_call(self, *arguments: Any) -> Any:  # noqa: ANN401
        shelf = _Reached.shelf
        if shelf is not None:
            code = shelf.code_for(self, arguments)
            if code is not None:
                return code(*arguments)
        self._call = self.dispatcher
        return self._call(*arguments)


class Instruction:
    """What kernels may call that is written as LLVM's instructions: Numba's ``intrinsic``, made when it is needed."""

    def __init__(self, emit: Callable[..., Any]) -> None:
        update_wrapper(self, emit)
        self._emit = emit
        self._made: Any = None

    def __call__(self, *_arguments: Any) -> Any:  # noqa: ANN401
        """Refuse: there is no such function outside of kernels."""
        raise TypeError(f"{self._emit.__qualname__} is for kernels only")

    @property
    def _numba_type_(self) -> Any:  # noqa: ANN401
        from numba.core.registry import cpu_target
        from numba.extending import intrinsic

        typing: Any = cpu_target.typing_context
        if self._made is None:
            self._made = intrinsic(self._emit)
            typing.refresh()  # so that it knows what has just been made
        return typing.resolve_value_type(self._made)


class _Late:
    """A module of Numba that is imported when something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever stands there
        return getattr(import_module(self._name), name)


types: Any = _Late("numba.core.types")
"""Numba's types, for instructions."""
cgutils: Any = _Late("numba.core.cgutils")
"""What Numba has for writing LLVM's code, for instructions."""
KERNELS: list[Kernel] = []
"""All kernels of the modules that were imported, in that order."""


def kernel(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a function a kernel; it holds no lock while it runs."""
    return cast("Callable[_P, _R]", Kernel(function))


def borrowing(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a function a kernel that counts no references to arrays: it changes those that it is given, and makes none.

    Where many arrays come in a tuple, counting was most of the time.
    """
    return cast("Callable[_P, _R]", Kernel(function, _nrt=False))


def inlined(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a function a kernel that becomes part of those that call it."""
    return cast("Callable[_P, _R]", Kernel(function, forceinline=True))


def inlined_early(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a function part of the kernels that call it before their types are known, so that it may see constants."""
    return cast("Callable[_P, _R]", Kernel(function, inline="always"))


def instruction(emit: Callable[..., Any]) -> Any:  # noqa: ANN401 - its types are those of a kernel's call
    """Make an instruction of a function that takes Numba's context and types, and returns a signature and a writer."""
    return Instruction(emit)
