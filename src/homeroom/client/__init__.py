"""What a program uses to send events to a node and to ask it, from elsewhere: a client in two forms, and senders.

Comes in: events, questions, definitions, and the address and key of a node. Goes out: requests over HTTP, and what
became of them. `Client` and `Sender` wait in the thread that calls them, `AsyncClient` and `AsyncSender` in an event
loop. Both are thin: what is tried again and when, which events make a batch, and what an answer means is decided by
modules without sockets and clocks (`retrying`, `endpoints`, `discovery`, `batching`, `messages`, `following`) that both
share. A client knows one node or many, and moves from one that dies to another.

This room imports nothing of the node, so that it starts in no time and is at home in a platform's own process. A key
never stands in an error, a representation or an address, and an event that was added is never dropped in silence.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeroom.client.async_client import AsyncClient
    from homeroom.client.async_sender import AsyncSender
    from homeroom.client.client import Client
    from homeroom.client.following import Change, Followed, Freshness, Missed
    from homeroom.client.known_world import KnownWorld
    from homeroom.client.messages import Definition, LeftOut, LiveAnswer, Receipt, Refusal
    from homeroom.client.options import ClientOptions, SenderOptions
    from homeroom.client.sender import Sender
    from homeroom.client.settling import Delivered, RefusedEvent
    from homeroom.client.wanted import Wanted

__all__ = [
    "AsyncClient",
    "AsyncSender",
    "Change",
    "Client",
    "ClientOptions",
    "Definition",
    "Delivered",
    "Followed",
    "Freshness",
    "KnownWorld",
    "LeftOut",
    "LiveAnswer",
    "Missed",
    "Receipt",
    "Refusal",
    "RefusedEvent",
    "Sender",
    "SenderOptions",
    "Wanted",
]

# Imported at first use: a node takes the form of routing tables from this room, and need not wait for what speaks HTTP.
_WHERE = {
    "AsyncClient": "async_client",
    "AsyncSender": "async_sender",
    "Client": "client",
    **dict.fromkeys(("Change", "Followed", "Freshness", "Missed"), "following"),
    "KnownWorld": "known_world",
    **dict.fromkeys(("Definition", "LeftOut", "LiveAnswer", "Receipt", "Refusal"), "messages"),
    **dict.fromkeys(("ClientOptions", "SenderOptions"), "options"),
    "Sender": "sender",
    **dict.fromkeys(("Delivered", "RefusedEvent"), "settling"),
    "Wanted": "wanted",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
