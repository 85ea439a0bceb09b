"""Erasures from the command line: asked of the node that runs on a directory, or of one that is started for the moment.

A directory that was restored is made to know of all erasures in the same way, before anybody opens it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from homeroom.adapters.audit import Audit
from homeroom.corrections import Account
from homeroom.log.certificates import Certificate
from homeroom.running.control_socket import ErasureAsked, ask_of_erasures
from homeroom.running.hosting import AUDIT_FILE
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions

__all__ = ["apply_register", "certificates_of_directory", "erase_in_directory", "on_node"]

_AUTHOR: Final = "command line"
_T = TypeVar("_T")


def erase_in_directory(
    path: Path, tenant: str, learners: Sequence[Account], options: NodeOptions
) -> Certificate:
    """Erase learners of a tenant, each a pseudonym or (issuer, account); return how far that is.

    A node that runs on the directory goes on to clean it; without one, all is cleaned that can be.

    Raises
    ------
    InputError, ControlError
        It makes no sense as things are.
    ErasureError, DataDirectoryError, StoreError, AuditError
        The directory has no register, is damaged, or cannot be written.
    """
    asked = ErasureAsked(tenant=tenant, author=_AUTHOR, learners=tuple(learners))
    told = ask_of_erasures(path, asked)
    if told is not None:
        return told[0]

    async def erase(node: RunningNode) -> Certificate:
        made = await node.erasures.erase_by_command(tenant, learners, _AUTHOR)
        await node.erasures.settled()
        return node.erasures.find(tenant, made.name)

    return on_node(path, options, erase)


def certificates_of_directory(path: Path, tenant: str, options: NodeOptions) -> list[Certificate]:
    """Return how far the erasures of a tenant are, the newest last. Raises like `erase_in_directory`."""
    told = ask_of_erasures(path, ErasureAsked(tenant=tenant, author=_AUTHOR))
    if told is not None:
        return told

    async def certificates(node: RunningNode) -> list[Certificate]:
        return node.erasures.certificates(tenant)

    return on_node(path, options, certificates)


def apply_register(path: Path, options: NodeOptions) -> int:
    """Have a directory that was restored know of all erasures, and cleaned; return how many there are.

    Raises like `erase_in_directory`.
    """

    async def apply(node: RunningNode) -> int:
        await node.erasures.settled()
        return len(node.erasures.certificates(None))

    return on_node(path, options, apply)


def on_node(path: Path, options: NodeOptions, work: Callable[[RunningNode], Awaitable[_T]]) -> _T:
    """Do something with a node that is started on a directory for the moment, and audited. Raises like the others."""

    async def run() -> _T:
        node = await RunningNode.open(path, options)
        try:
            with contextlib.closing(Audit(path / AUDIT_FILE)) as audit:

                def erased(tenant: str, who: str, about: Mapping[str, Any]) -> None:
                    audit.record(options.now_ms(), tenant, who, "erasure", about)

                def asked(tenant: str, who: str, what: str, about: Mapping[str, Any]) -> None:
                    audit.record(options.now_ms(), tenant, who, what, about)

                node.erasures.audit_with(erased)
                node.persons.audit_with(asked)
                return await work(node)
        finally:
            await node.stop()

    return asyncio.run(run())
