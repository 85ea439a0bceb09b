"""Whether two answers say the same."""

import math
from typing import Any

__all__ = ["same"]


def same(one: Any, other: Any) -> bool:
    """Compare JSON-ready data: whole numbers and texts exactly, others up to the order in which they were added."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other
