"""The rights of persons from the command line: asked of the node that runs on a directory, or of one for the moment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from homeroom.corrections import Account
from homeroom.log.compliance import Reason
from homeroom.running.control_socket import ask_of_person
from homeroom.running.erasing_directory import on_node
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from homeroom.running.person_requests import PersonAsked, PersonDo, PersonTold

__all__ = [
    "archive_of_person",
    "compliance_of_directory",
    "consents_of_person",
    "rectify_in_directory",
    "state_consent",
]

_AUTHOR: Final = "command line"


def archive_of_person(path: Path, tenant: str, learner: Account, options: NodeOptions) -> bytes:
    """Return all that a directory keeps of a person, a pseudonym or (issuer, account), as a ZIP file.

    Raises
    ------
    InputError, ControlError, RightsError
        It makes no sense as things are, or is too much for one archive.
    DataDirectoryError, StoreError, VaultError, AuditError
        The directory is damaged, or cannot be written.
    """
    asked = PersonAsked(do=PersonDo.ACCESS, tenant=tenant, author=_AUTHOR, learner=learner)
    return _asked(path, asked, options).archive


def consents_of_person(
    path: Path, tenant: str, learner: Account, options: NodeOptions
) -> dict[str, Any]:
    """Return what a person has said of what may be done with their data. Raises like `archive_of_person`."""
    asked = PersonAsked(do=PersonDo.SAID, tenant=tenant, author=_AUTHOR, learner=learner)
    return _asked(path, asked, options).found


def state_consent(
    path: Path, whose: tuple[str, Account], what: tuple[str, str], options: NodeOptions
) -> dict[str, Any]:
    """State a consent or a restriction of a person; return all that was said. Raises like `archive_of_person`.

    ``whose`` is a tenant and a learner, ``what`` a purpose (empty for a restriction) and one of `Says`.
    """
    (tenant, learner), (purpose, says) = whose, what
    asked = PersonAsked(
        do=PersonDo.SAY,
        tenant=tenant,
        author=_AUTHOR,
        learner=learner,
        purpose=purpose,
        says=says,
    )
    return _asked(path, asked, options).found


def rectify_in_directory(
    path: Path,
    whose: tuple[str, Account],
    what: tuple[Sequence[str], Sequence[Mapping[str, Any]], Reason],
    options: NodeOptions,
) -> dict[str, Any]:
    """Void events of a person, and have others take their place; return how many. Raises like `archive_of_person`.

    ``whose`` is a tenant and (issuer, account); ``what`` ids, events, and why.
    """
    (tenant, learner), (void, events, reason) = whose, what
    asked = PersonAsked(
        do=PersonDo.RECTIFY,
        tenant=tenant,
        author=_AUTHOR,
        learner=learner,
        void=tuple(void),
        events=tuple(map(dict, events)),
        reason=reason.value,
    )
    return _asked(path, asked, options).found


def compliance_of_directory(path: Path, tenant: str, options: NodeOptions) -> dict[str, Any]:
    """Return the compliance report of a tenant. Raises like `archive_of_person`."""
    asked = PersonAsked(do=PersonDo.COMPLIANCE, tenant=tenant, author=_AUTHOR)
    return _asked(path, asked, options).found


def _asked(path: Path, asked: PersonAsked, options: NodeOptions) -> PersonTold:
    told = ask_of_person(path, asked)
    if told is not None:
        return told

    async def ask(node: RunningNode) -> PersonTold:
        return await node.persons.asked(asked)

    return on_node(path, options, ask)
