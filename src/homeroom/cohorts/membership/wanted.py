"""What is defined at an epoch, in the form in which it is compared with what is kept.

A cohort must be asked anew of all learners if it, or anything that it names, says something else. Whether it does is
seen from numbers of versions: rules and lists of ten million members are not compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from homeroom.cohorts.kept import kept_definitions
from homeroom.cohorts.questions.definitions import Definitions
from homeroom.cohorts.questions.rules import leaves
from homeroom.log.control import Control, DefinitionKind

__all__ = ["Signature", "Wanted", "wanted"]

Signature: TypeAlias = tuple[tuple[str, str, int], ...]
"""Kind, name and version of all that a cohort is made of."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The definitions of a tenant at an epoch, with the signature and the version of each cohort."""

    epoch: int = 0
    definitions: Definitions = field(default_factory=Definitions)
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)


def wanted(control: Control, tenant: str) -> Wanted:
    """Return what a tenant has defined. Raises `QuestionError` where that makes no sense together."""
    definitions = kept_definitions(control, tenant)
    numbers = {
        kind: {name: one.number for name, one in control.definitions(tenant, kind).items()}
        for kind in DefinitionKind
    }
    return Wanted(
        control.epoch,
        definitions,
        {
            cohort.name: _signature(definitions, cohort.name, numbers)
            for cohort in definitions.cohorts
        },
        numbers[DefinitionKind.COHORT],
    )


def _signature(
    definitions: Definitions, name: str, numbers: Mapping[DefinitionKind, Mapping[str, int]]
) -> Signature:
    needed = definitions.only([name])
    parts = [(DefinitionKind.COHORT, cohort.name) for cohort in needed.cohorts]
    parts += [(DefinitionKind.LIST, one) for one in needed.lists]
    windows = [
        getattr(leaf, "window", None) for cohort in needed.cohorts for leaf in leaves(cohort.rule)
    ]
    if any(window is not None and window.is_of_calendar for window in windows):
        parts += [(DefinitionKind.CALENDAR, one.course) for one in definitions.calendars]
    return tuple(sorted((kind.value, one, numbers[kind][one]) for kind, one in parts))
