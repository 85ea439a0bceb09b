"""Where the learners of an open tenant have their home: the jurisdiction whose vault has their documents.

An open tenant is taken by every node. What a learner wrote belongs under the law of the learner's home, and not under
that of the node which happened to be nearest; so somebody has to say where that is. It is said by who knows an account
(its issuer: an institution, a campus, a mail domain), which is no personal data and seldom changes; by the account
itself, as a pseudonym, for the few that differ; else it is one for the whole tenant. Where nothing is said the home is
wherever a document was taken.

It is a fact of the control stream, so all nodes find the same home for the same learner, each under the epoch that it
knows. What was stored under one fact stays where it is under the next: documents do not move.

The way not taken is to ask the client with each request: two programs would say different things of one person, and
whoever reads could not know where to look.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import msgspec

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.log.checked import check_count

__all__ = ["Homes", "HomesPut", "check_homes", "folded_homes"]

_KEY: Final = re.compile(r"[0-9a-f]{32}")
_MAIL: Final = "mailto"


class HomesPut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="homes"):
    """The learners of a tenant have their homes in these jurisdictions from now on; all that was said before is over.

    Parameters
    ----------
    tenant : whose learners
    default : the jurisdiction of those of whom nothing else is said; empty for wherever they are taken
    issuers : by issuer of an account its jurisdiction: the home page of accounts, or ``mailto:`` and a mail domain
    learners : by pseudonym, 32 hexadecimal digits, the jurisdiction of a learner
    """

    tenant: str
    default: str = ""
    issuers: dict[str, str] = {}
    learners: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Homes:
    """Where the learners of a tenant have their homes; the fields are those of `HomesPut`, learners by raw key."""

    default: str = ""
    issuers: Mapping[str, str] = field(default_factory=dict)
    learners: Mapping[bytes, str] = field(default_factory=dict)

    def of(self, issuer: str, account: str, key: bytes) -> str:
        """Return the jurisdiction that is the home of an account, empty for wherever it is taken.

        Parameters
        ----------
        issuer, account : as a pseudonym is made of them
        key : the pseudonym, 16 bytes
        """
        if key in self.learners:
            return self.learners[key]
        if issuer == _MAIL and self.issuers:
            issuer = f"{_MAIL}:{account.rpartition('@')[2].lower()}"
        return self.issuers.get(issuer, self.default)

    def named(self) -> frozenset[str]:
        """Return all jurisdictions that are the home of somebody."""
        return frozenset({self.default, *self.issuers.values(), *self.learners.values()} - {""})


def check_homes(fact: HomesPut, seal_keys: Mapping[str, str], laws: Collection[str]) -> None:
    """Raise `ControlError` for homes that make no sense.

    Parameters
    ----------
    fact : states them
    seal_keys : by jurisdiction the key by which others seal for it
    laws : the jurisdictions in which there are nodes
    """
    check_count("homes", len(fact.issuers) + len(fact.learners), limits.HOMES_MAX)
    for issuer in fact.issuers:
        if not 0 < len(issuer) <= limits.NAME_CHARACTERS_MAX:
            raise ControlError(
                f"the name of an issuer has {len(issuer):,} characters; it must have from 1 to "
                f"{limits.NAME_CHARACTERS_MAX}"
            )
    if any(not _KEY.fullmatch(key) for key in fact.learners):
        raise ControlError(
            "a learner whose home is stated must be a pseudonym, 32 hexadecimal digits"
        )
    for law in sorted({fact.default, *fact.issuers.values(), *fact.learners.values()} - {""}):
        if law not in seal_keys:
            there = ", ".join(sorted(seal_keys)) or "none"
            raise ControlError(
                f"nobody has stated by which key documents are sealed for jurisdiction {law[:80]!r}, so none could "
                f"travel there; there are: {there}. Name it under [seals] in the file of regions of the home"
            )
        if law not in laws:
            raise ControlError(
                f"no node is in jurisdiction {law!r}, so what is sealed for it could go nowhere; let one join first"
            )


def _issuer(written: str) -> str:
    """Return the name of an issuer as accounts have it: domains of mail have no capital letters."""
    return written.lower() if written.startswith(f"{_MAIL}:") else written


def folded_homes(homes: Mapping[str, Homes], fact: HomesPut) -> Mapping[str, Homes]:
    """Return by tenant where learners have their homes after a fact."""
    learners = {
        bytes.fromhex(key): home for key, home in fact.learners.items() if _KEY.fullmatch(key)
    }
    after = Homes(
        default=fact.default,
        issuers=MappingProxyType({_issuer(one): home for one, home in fact.issuers.items()}),
        learners=MappingProxyType(learners),
    )
    return {**homes, fact.tenant: after}
