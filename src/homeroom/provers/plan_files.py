"""The plans that are shipped, and own ones."""

from pathlib import Path
from typing import Final

from homeroom import limits, proving
from homeroom.errors import ProvingError
from homeroom.proving.plans import TESTS, GeographyPlan, LoadPlan, ResiliencePlan, parse_plan

__all__ = ["SHIPPED", "read_plan", "shipped_plans", "text_of"]

SHIPPED: Final = Path(proving.__file__).with_name("plans")


def read_plan(path: Path) -> LoadPlan | GeographyPlan | ResiliencePlan:
    """Return the plan in a file. Raises `ProvingError`."""
    return parse_plan(text_of(path, "plan"), str(path))


def text_of(path: Path, what: str) -> str:
    """Return the text of a file that is named as a plan or a setup. Raises `ProvingError`."""
    try:
        with path.open("rb") as file:
            content = file.read(limits.PROVING_PLAN_BYTES_MAX + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ProvingError(f"the {what} {path} cannot be read: {why}") from None
    if len(content) > limits.PROVING_PLAN_BYTES_MAX:
        raise ProvingError(
            f"{path} has more than {limits.PROVING_PLAN_BYTES_MAX:,} bytes; name a {what}"
        )
    return text


def shipped_plans(test: str) -> list[LoadPlan | GeographyPlan | ResiliencePlan]:
    """Return the plans of a test, in order of their names; of all tests for ``all``."""
    plans = [read_plan(path) for path in sorted(SHIPPED.glob("*.toml"))]
    found = [one for one in plans if test in ("all", one.test)]
    return sorted(found, key=lambda one: TESTS.index(one.test))
