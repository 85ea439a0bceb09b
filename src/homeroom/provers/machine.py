"""What a figure was measured on: without it, a figure says nothing."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from homeroom.adapters.threads import processors

__all__ = ["describe"]

_PACKAGES = ("homeroom", "numpy", "numba", "pyarrow", "msgspec", "duckdb", "polars", "chdb")


def describe() -> dict[str, Any]:
    """Return processor, memory, load and versions, JSON-ready."""
    return {
        "processor": _processor(),
        "processors": processors(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
