"""What a program uses to send events to a node and to ask it, from elsewhere: a client in two forms, and senders.

Comes in: events, questions, definitions, and the address and key of a node. Goes out: requests over HTTP, and what
became of them. `Client` and `Sender` wait in the thread that calls them, `AsyncClient` and `AsyncSender` in an event
loop. Both are thin: what is tried again and when, which events make a batch, and what an answer means is decided by
modules without sockets and clocks (`retrying`, `endpoints`, `discovery`, `batching`, `messages`, `following`) that both
share. A client knows one node or many, and moves from one that dies to another.

This room imports nothing of the node, so that it starts in no time and is at home in a platform's own process. A key
never stands in an error, a representation or an address, and an event that was added is never dropped in silence.
"""

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
