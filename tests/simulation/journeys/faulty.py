"""How one deliberate fault is put into a core for as long as a world lasts.

A fault is a piece of source text and what stands in its place. The module is compiled anew with that change, and each
function of the real one gets the code of its counterpart; so all that imports it has the fault, and no core has a
switch for its faults. A fault whose text is no longer there fails loudly.
"""

import contextlib
import importlib
import types
from dataclasses import dataclass
from pathlib import Path

from homeroom.simulation.journeys.plan import Kind, Shape

SMALL = Shape(4, 2, 8_000)


@dataclass(frozen=True)
class Mutant:
    """A fault: in which module which text becomes which, in whose world it shows, and what is said then."""

    name: str
    module: str
    old: str
    new: str
    says: str
    seed: int = 1
    kinds: tuple[Kind, ...] = ()
    shape: Shape = SMALL

    @contextlib.contextmanager
    def put(self):
        """Have the fault for a while."""
        module = importlib.import_module(f"homeroom.{self.module}")
        source = Path(module.__file__).read_text(encoding="utf-8")
        found = source.count(self.old)
        assert found == 1, f"{self.name}: {self.old!r} stands {found} times in {self.module}"
        changed = types.ModuleType(module.__name__)
        changed.__dict__.update(
            __file__=module.__file__, __package__=module.__package__, __spec__=module.__spec__
        )
        code = compile(source.replace(self.old, self.new), module.__file__, "exec")
        exec(code, changed.__dict__)
        ours, theirs = dict(_functions(module, module)), dict(_functions(changed, module))
        kept = {name: function.__code__ for name, function in ours.items()}
        changes = {
            name: one.__code__ for name, one in theirs.items() if _differs(one.__code__, kept[name])
        }
        assert changes, f"{self.name}: no function differs"
        try:
            for name, code in changes.items():
                ours[name].__code__ = code
            yield
        finally:
            for name, code in kept.items():
                ours[name].__code__ = code


def _differs(one, other):
    """Say whether two codes do something else; where they stand in the file is all the same."""
    if (one.co_code, one.co_names, len(one.co_consts)) != (
        other.co_code,
        other.co_names,
        len(other.co_consts),
    ):
        return True
    pairs = zip(one.co_consts, other.co_consts, strict=True)
    return any(
        _differs(a, b)
        if isinstance(a, types.CodeType) and isinstance(b, types.CodeType)
        else a != b
        for a, b in pairs
    )


def _functions(holder, module):
    """Yield the functions of a module and of its classes, by name."""
    for name, one in vars(holder).items():
        if isinstance(one, types.FunctionType) and one.__module__ == module.__name__:
            yield name, one
        elif isinstance(one, type) and one.__module__ == module.__name__:
            for inner, held in vars(one).items():
                function = held.fget if isinstance(held, property) else held
                function = getattr(function, "__func__", function)
                if isinstance(function, types.FunctionType):
                    yield f"{name}.{inner}", function
