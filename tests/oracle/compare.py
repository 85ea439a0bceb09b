"""What two answers must share to be the same, and where they differ if they do not."""

import math
from typing import Any

__all__ = ["differences"]

TEXT_MAX = 80


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Return where the figures found differ from those expected.

    Every figure that is expected must be found; what is found beyond (rates, notes, source) is not looked at. Ratios
    may differ in the last digits.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            line
            for name, value in expected.items()
            for line in differences(
                value, found.get(name, "nothing"), f"{place}.{name}".lstrip(".")
            )
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            line
            for i, (left, right) in enumerate(zip(expected, found, strict=True))
            for line in differences(left, right, f"{place}[{i}]")
        ]
    if isinstance(expected, float) and isinstance(found, int | float):
        same = math.isclose(expected, found, rel_tol=1e-12, abs_tol=1e-15)
    else:
        same = expected == found
    return [] if same else [f"{place}: expected {_short(expected)}, found {_short(found)}"]


def _short(value: Any) -> str:
    """Write a value so that a whole triangle does not hide the one line that matters."""
    size = f" ({len(value)} items)" if isinstance(value, list) else ""
    text = repr(value)
    return (text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…") + size
