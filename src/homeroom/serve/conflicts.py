"""Conflicts between regions, for those who run a node: what was said twice and differently, and what counts.

As data (``/v1/conflicts``) and as a page for a browser (``/conflicts``), which asks for the name of a key and the key,
as any page with a password does. It names nodes, entries and rules, and nobody: whose grade it is, a question tells.
"""

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from homeroom import limits
from homeroom.events.instants import format_instant
from homeroom.log.control import Scope
from homeroom.serve.access import Caller
from homeroom.serve.interface import Interface
from homeroom.serve.requests import Asked, caller_of, json_answer, whole_of
from homeroom.state.conflicts import Conflict, Conflicts
from homeroom.state.settling import RULES, TOLD, Domain

__all__ = ["conflict_routes", "page_of"]

_DAYS: Final = 30
_HTML: Final = "text/html"


def conflict_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return the routes of conflicts."""

    async def found(request: Asked) -> dict[str, Any]:
        caller = _may(await caller_of(interface, request))
        days = whole_of(request, "days", _DAYS, (1, limits.CONFLICT_DAYS_MAX))
        conflicts = await interface.serving.conflicts(caller.tenant, days)
        regions = {n: one.region for n, one in interface.serving.control().members.nodes.items()}
        told = _told(conflicts, regions, days)
        if caller.runs_node:
            told["statements"] = interface.serving.status(caller.tenant).record_conflicts
        return told

    @get("/v1/conflicts")
    async def listed(request: Asked) -> Response[bytes]:
        return json_answer(await found(request))

    @get("/conflicts")
    async def page(request: Asked) -> Response[bytes]:
        return Response(page_of(await found(request)).encode(), media_type=_HTML)

    return [listed, page]


def _may(caller: Caller) -> Caller:
    caller.need(Scope.ADMIN)
    caller.need_all_courses("conflicts are about")
    return caller


def _told(found: Conflicts, regions: Mapping[str, str], days: int) -> dict[str, Any]:
    return {
        "days": days,
        "counts": {
            domain.value: found.counts.get(domain, 0) for domain in RULES if _is_counted(domain)
        },
        "conflicts": [_one(conflict, regions) for conflict in found.newest],
        "complete": found.is_whole,
    }


def _is_counted(domain: Domain) -> bool:
    """Say whether conflicts of a domain are counted by tenant; those of statements are counted by the vault."""
    return domain in TOLD and domain is not Domain.STATEMENT


def _one(conflict: Conflict, regions: Mapping[str, str]) -> dict[str, Any]:
    return {
        "about": conflict.domain.value,
        "field": conflict.field or None,
        "nodes": list(conflict.nodes),
        "regions": sorted({regions[node] for node in conflict.nodes if node in regions}),
        "values": conflict.values,
        "rule": RULES[conflict.domain].rule,
        "first": format_instant(conflict.first_ms),
        "last": format_instant(conflict.last_ms),
        "entries": [f"{origin}/{number}" for origin, number in conflict.entries],
    }


# --- the page --------------------------------------------------------------------------------------------------------

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}"
    "p{max-width:44rem;margin:.4rem 0}"
    "table{border-collapse:collapse;width:100%;font-size:.95rem}"
    "th{font-weight:600;border-bottom:2px solid #8888}"
    "td,th{text-align:left;padding:.35rem .9rem .35rem 0;vertical-align:top}"
    "td{border-bottom:1px solid #8884}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "code{font-size:.8em;white-space:nowrap}nav a{display:inline-block;margin-right:1rem}"
    "@media(max-width:40rem){.wide{display:none}}"
)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a table: its heading, and a class of its cells."""

    heading: str
    kind: str = ""


def page_of(found: Mapping[str, Any]) -> str:
    """Return what `/v1/conflicts` tells as a page of HTML that asks nobody for anything."""
    total = sum(found["counts"].values())
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width"><title>Conflicts</title>',
        f"<style>{_STYLE}</style><h1>Conflicts</h1>",
        f"<p>In {_days(found['days'])}, nodes said different things of one thing <b>{total:,}</b> "
        f"{'time' if total == 1 else 'times'}. "
        "Nobody has to do anything: by these rules all nodes come to the same.</p>",
        "<nav>"
        + "".join(f'<a href="/conflicts?days={n}">{_days(n)}</a>' for n in (1, 7, 30, 365))
        + '<a href="/v1/conflicts">as data</a></nav>',
        "<h2>How many, and what counts</h2>",
        _table(
            (_Column("about"), _Column("how many", "n"), _Column("what counts")),
            ((name, f"{n:,}", RULES[Domain(name)].rule) for name, n in found["counts"].items()),
        ),
    ]
    if "statements" in found:
        parts.append(
            f"<p>Of statements in the record store {found['statements']:,} ids have more than one, over all time and "
            f"all tenants: {_text(RULES[Domain.STATEMENT].rule)} counts.</p>"
        )
    parts.append("<h2>The newest</h2>")
    if not found["conflicts"]:
        parts.append("<p>None.</p>")
    else:
        parts.append(_newest(found["conflicts"]))
    if not found["complete"]:
        parts.append(
            "<p>There was too much to look at: older ones are missing. Ask for fewer days.</p>"
        )
    return "".join([*parts, "</html>"])


def _newest(conflicts: Iterable[Mapping[str, Any]]) -> str:
    columns = (
        _Column("about"),
        _Column("nodes"),
        _Column("for when"),
        _Column("entries", "wide"),
    )
    rows = (
        (
            one["about"] if one["field"] is None else f"{one['about']} {one['field']}",
            ", ".join(one["nodes"]),
            one["last"] if one["first"] == one["last"] else f"{one['first']} to {one['last']}",
            "\n".join(one["entries"]),
        )
        for one in conflicts
    )
    return _table(columns, rows)


def _table(columns: tuple[_Column, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f'<th class="{one.kind}">{_text(one.heading)}</th>' for one in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{column.kind}">{_cell(column, text)}</td>'
            for column, text in zip(columns, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(column: _Column, text: str) -> str:
    if column.heading != "entries":
        return _text(text)
    return "<br>".join(map(_entry, text.splitlines()))


def _entry(entry: str) -> str:
    """Return an entry without most of the incarnation, which nobody reads; the whole is told beside the pointer."""
    node, _, rest = entry.partition("/")
    incarnation, _, number = rest.partition("/")
    short = f"{node}/{incarnation[:6]}…/{number}" if number else entry
    return f'<code title="{_text(entry)}">{_text(short)}</code>'


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"


def _text(text: str) -> str:
    return html.escape(text)
