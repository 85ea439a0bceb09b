"""homeroom: from a file of learning events to retention and lifecycle, at the speed of memory.

``import homeroom as hr`` is the whole Python interface; the rooms below it (``events``, ``state``, ``cohorts``, …)
are for those who extend it. ARCHITECTURE.md walks them in the order in which data does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeroom.adapters.names import read_names
    from homeroom.analyzer import load, read, scan
    from homeroom.cohorts.questions import (
        Active,
        CohortSize,
        Condition,
        CourseReport,
        Definitions,
        Funnel,
        Learner,
        Lifecycle,
        MemberList,
        Overlap,
        Paths,
        Question,
        Retention,
        Stickiness,
        parse_definitions,
        parse_question,
    )
    from homeroom.dataset import Dataset
    from homeroom.errors import HomeroomError
    from homeroom.opened import open_directory as open  # noqa: A004 - users write hr.open

__all__ = [
    "Active",
    "CohortSize",
    "Condition",
    "CourseReport",
    "Dataset",
    "Definitions",
    "Funnel",
    "HomeroomError",
    "Learner",
    "Lifecycle",
    "MemberList",
    "Overlap",
    "Paths",
    "Question",
    "Retention",
    "Stickiness",
    "__version__",
    "load",
    "open",
    "parse_definitions",
    "parse_question",
    "read",
    "read_names",
    "scan",
]

# Imported at first use: `homeroom --help` must not wait for NumPy, Numba and Arrow.
_WHERE = {
    **dict.fromkeys(("load", "read", "scan"), "homeroom.analyzer"),
    "open": "homeroom.opened",
    **dict.fromkeys(
        (
            "Active",
            "CohortSize",
            "Condition",
            "CourseReport",
            "Definitions",
            "Funnel",
            "Learner",
            "Lifecycle",
            "MemberList",
            "Overlap",
            "Paths",
            "Question",
            "Retention",
            "Stickiness",
            "parse_definitions",
            "parse_question",
        ),
        "homeroom.cohorts.questions",
    ),
    "Dataset": "homeroom.dataset",
    "HomeroomError": "homeroom.errors",
    "read_names": "homeroom.adapters.names",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name == "__version__":
        from importlib.metadata import version

        return version("homeroom")
    if name not in _WHERE:
        raise AttributeError(f"module 'homeroom' has no attribute {name!r}")
    found = getattr(_imported(_WHERE[name]), "open_directory" if name == "open" else name)
    globals()[name] = found
    return found


def _imported(module: str) -> Any:  # noqa: ANN401
    """Import a module without looking for garbage: what imports make is none, and looking takes a tenth of the time."""
    import gc
    import importlib

    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        if was_enabled:
            gc.enable()


def __dir__() -> list[str]:
    return sorted(__all__)
