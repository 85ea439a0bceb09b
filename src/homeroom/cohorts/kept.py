"""Definitions that a node keeps: from plain data in the control stream to what questions name.

The control stream keeps what people wrote, and does not know what it means; here it becomes `Definitions`. Whoever
writes a change asks `check_change` first, at a moment when no other change can come in between: a cohort that names one
that is not there, or holds itself by way of another, is refused while its author is there to hear of it.
"""

from typing import Any

from homeroom.cohorts.questions.definitions import Definitions, parse_definitions
from homeroom.cohorts.questions.zones import zone
from homeroom.events.vocabulary import VerbTable
from homeroom.log.control import (
    Change,
    Control,
    DefinitionDeleted,
    DefinitionKind,
    DefinitionPut,
    Fact,
    TenantPut,
    VerbsPut,
)

__all__ = ["KeptDefinitions", "check_change", "kept_definitions"]


def kept_definitions(control: Control, tenant: str) -> Definitions:
    """Return the definitions that a tenant has now.

    A cohort's version is that of the control stream, whatever its author wrote. Raises `QuestionError` where they make
    no sense together, which `check_change` prevents.
    """
    written: dict[str, dict[str, Any]] = {kind.value: {} for kind in DefinitionKind}
    for kind in DefinitionKind:
        for name, version in control.definitions(tenant, kind).items():
            assert version.written is not None, "a current definition says something"
            table = dict(version.written)
            if kind is DefinitionKind.COHORT:
                table["version"] = version.number
            written[kind.value][name] = table
    return parse_definitions(written)


class KeptDefinitions:
    """The definitions of all tenants, made anew where something was stated: each question asks for them."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Control, Definitions]] = {}

    def of(self, control: Control, tenant: str) -> Definitions:
        """Do as `kept_definitions`."""
        made = self._made.get(tenant)
        if made is None or made[0] is not control:
            made = self._made[tenant] = control, kept_definitions(control, tenant)
        return made[1]


def check_change(control: Control, fact: Fact) -> None:
    """Raise `ControlError`, `QuestionError` or `MappingError` for a change that makes no sense as things are."""
    control.check(fact)
    match fact:
        case DefinitionPut() | DefinitionDeleted():
            change = Change(fact=fact, author="", at_ms=0)
            kept_definitions(control.folded(change, control.epoch + 1), fact.tenant)
        case VerbsPut():
            VerbTable.standard().extended(fact.toml, "verbs")
        case TenantPut():
            zone(fact.timezone)
