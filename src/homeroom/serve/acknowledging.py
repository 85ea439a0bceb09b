"""How far a batch must have come before its client hears yes: what it asks for, within what operators allow.

``?ack=remote``, or a header ``Homeroom-Ack: remote``. Three say something: the client, the settings of the node (at
least, and at most), and the world, whose floor a fact of the control stream raises while it runs. The highest counts,
but for a client that asks for more than the node lets it wait for: it is told so, and not given less in silence.

A client that is told 504 has lost nothing. Its batch is durable here and on its way; sent again under its id, it is
waited for again.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from homeroom.log.origins import Token
from homeroom.regions.steps import Level
from homeroom.serve.interface import Headers, Interface, header
from homeroom.serve.problems import ProblemError

__all__ = ["LEVELS", "asked_and_least", "not_held", "wanted_level"]

LEVELS: Final[Mapping[str, Level]] = {level.name.lower(): level for level in Level}
"""By name how many regions hold a batch durably."""


def wanted_level(interface: Interface, headers: Headers, query: bytes) -> Level:
    """Return the level that a batch waits for. Raises `ProblemError` for one that is none, or may not be asked for."""
    asked = header(headers, b"homeroom-ack")
    if query:
        given = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("ack", [])
        asked = given[0] if given else asked
    return max(asked_and_least(interface, asked))


def asked_and_least(interface: Interface, asked: str | None) -> tuple[Level, Level]:
    """Return the level that a client asks for, and what operators want at least. Raises as `wanted_level` does."""
    settings = interface.settings.acknowledgement
    floor = max(LEVELS[settings.least], LEVELS[interface.serving.control().members.least])
    if asked is None:
        return Level.LOCAL, floor
    level = LEVELS.get(asked.strip().lower())
    if level is None:
        raise ProblemError(
            "bad-request", f"ack must be one of {', '.join(LEVELS)}", {"field": "ack"}
        )
    if level > LEVELS[settings.most]:
        raise ProblemError(
            "bad-request",
            f"this node lets nobody wait for more than {settings.most}",
            {"field": "ack", "bound": "acknowledgement.most"},
        )
    return level, floor


def not_held(token: Token | None, reached: Level, wanted: Level) -> ProblemError:
    """Return what a client is told whose batch did not get as far as it was to in time."""
    extra: dict[str, str] = {"held": reached.name.lower(), "wanted": wanted.name.lower()}
    headers = {"Retry-After": "1", "Homeroom-Held": extra["held"]}
    if token is not None:
        extra["token"] = headers["Homeroom-Token"] = str(token)
    return ProblemError(
        "not-held",
        f"the batch is durable here and stays; within the time that a batch waits it was held at the level "
        f"{extra['held']} and not {extra['wanted']}. Send it again under its id to wait again",
        extra,
        headers,
    )
