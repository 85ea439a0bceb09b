"""The first page: who is there, who is new, who is at risk, how fresh that is, and what became other and why.

Figures are of the newest whole week, beside the one before it; a week that has not ended would fall each Monday. What
changed is said in sentences, each with its reason: what stands out by a rule, definitions that were stated anew, weeks
that are no more what they were when they were first shown, and regions that are behind.
"""

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from litestar import Response

from homeroom.cohorts.answers import (
    SUPPRESSED,
    ActiveAnswer,
    Answer,
    AtRiskAnswer,
    Counts,
    Flags,
    LifecycleAnswer,
    Source,
)
from homeroom.cohorts.standing_out import standing_out
from homeroom.errors import NotFreshError, NotYetError
from homeroom.log.control import DefinitionKind, Scope
from homeroom.serve.access import Caller
from homeroom.serve.interface import problem_of
from homeroom.serve.looks.texts import Texts
from homeroom.serve.pages.drawing import Drawn, Parts, asked, placed, section
from homeroom.serve.pages.first_told import FirstTold, Told
from homeroom.serve.pages.frame import drawn
from homeroom.serve.pages.noticing import age_in_words, notices
from homeroom.serve.pages.visits import Visit
from homeroom.serve.problems import ProblemError
from homeroom.serve.scoping import told

__all__ = ["overview"]

_QUESTIONS: Final[Mapping[str, dict[str, Any]]] = {
    "active": {"question": "active"},
    "lifecycle": {"question": "lifecycle"},
    "at-risk": {"question": "at-risk", "limit": 0},
}
_WEEK_MS: Final = 7 * 86_400_000
_WHOLE: Final = 4
"""Newest whole weeks that are watched for late events."""


async def overview(visit: Visit, first_told: FirstTold) -> Response[bytes]:
    """Return the page."""
    caller = visit.caller
    caller.need(Scope.READ, Scope.AGGREGATE, Scope.PERSONS)
    is_coarse = caller.scopes.isdisjoint({Scope.READ, Scope.PERSONS})
    kinds = ("at-risk",) if is_coarse else tuple(_QUESTIONS)
    found = await asyncio.gather(*(_asked(visit, kind) for kind in kinds))
    whole = {kind: one for kind, one in zip(kinds, found, strict=True) if isinstance(one, Drawn)}
    problems = [one for one in found if isinstance(one, str)]
    parts = {kind: one.parts for kind, one in whole.items()}
    values = {
        "figures": [figure for part in parts.values() for figure in _figures(visit, part)],
        "changes": [
            *_late(visit, first_told, parts),
            *_redefined(visit),
            *(change for part in parts.values() for change in part["findings"]),
        ],
        "sections": {
            kind: {**part, "html": placed(part["html"])}
            for kind, part in parts.items()
            if part["html"]
        },
        "problems": problems,
        "notices": dict.fromkeys(one for d in whole.values() for one in notices(visit, d.live)),
        "freshness": _freshness(visit, list(whole.values())),
        "known": _known(visit, list(whole.values())),
        "is_empty": not any(one.as_of for one in whole.values()) and not problems,
        "is_coarse": is_coarse,
    }
    return drawn(visit, "overview.html", values)


async def _asked(visit: Visit, kind: str) -> Drawn | str:
    """Return what was drawn of one question, or in words why nothing was: the others stand all the same."""
    try:
        return await asked(visit, dict(_QUESTIONS[kind]), _drawn)
    except (ProblemError, NotYetError, NotFreshError) as error:
        return problem_of(error).detail


# --- drawn where it is answered --------------------------------------------------------------------------------------


def _drawn(caller: Caller, answer: Answer, texts: Texts) -> Parts:
    """Draw an answer for this page: its figures, what stands out, and its picture."""
    if caller.scopes.isdisjoint({Scope.READ, Scope.PERSONS}):
        # Whoever sees no small counts sees what that door lets through, and no picture of the rest.
        return {"figures": [_coarse(told(answer, caller))], "findings": (), "html": "", "title": ""}
    whole = section(caller, answer, texts)
    findings = [(one.text, one.rule) for one in standing_out([answer], Source())]
    return {**whole, "figures": list(_figures_of(answer)), "findings": findings}


def _coarse(said: Mapping[str, Any]) -> dict[str, Any]:
    value = said["at_risk"]
    return {"name": "at_risk", "value": value, "of": said["current"], "period": said["date"]}


def _figures_of(answer: Answer) -> Iterator[dict[str, Any]]:
    match answer:
        case ActiveAnswer():
            yield from _weekly(
                "active", answer.week.periods, answer.week.values, answer.week.complete
            )
        case LifecycleAnswer():
            for name in ("new", "returning", "dormant"):
                yield from _weekly(name, answer.periods, getattr(answer, name), answer.complete)
        case AtRiskAnswer():
            value = None if answer.at_risk == SUPPRESSED else answer.at_risk
            trend = answer.trend
            before = None
            if trend is not None and len(trend.ends) > 1:
                last = int(trend.at_risk[0, -2])
                before = None if last == SUPPRESSED else last
            yield {"name": "at_risk", "value": value, "of": answer.current, "before": before,
                   "period": answer.date}  # fmt: skip
        case _:
            raise AssertionError("one of the questions of this page")


def _weekly(
    name: str, periods: tuple[str, ...], values: Counts, complete: Flags
) -> Iterator[dict[str, Any]]:
    """Return the newest whole week of a series, with the one before it, and some more to be watched."""
    whole = np.flatnonzero(complete)[-_WHOLE:].tolist()
    if whole:
        last, *others = reversed(whole)
        yield {
            "name": name,
            "value": int(values[last]),
            "before": int(values[others[0]]) if others else None,
            "period": periods[last],
            "watched": [(periods[i], int(values[i])) for i in whole],
        }


# --- made of it for whoever looks ------------------------------------------------------------------------------------


def _figures(visit: Visit, part: Parts) -> Iterator[dict[str, Any]]:
    """Return figures as they are written: name, value, and what is to be known of them."""
    texts, locale = visit.texts, visit.locale
    for one in part["figures"]:
        value, before = one["value"], one.get("before")
        change = ""
        if value is not None and before is not None:
            more = value - before
            sign = "same" if not more else "more" if more > 0 else "fewer"
            share = f" ({locale.share(abs(more) / before)})" if more and before else ""
            change = texts(f"change.{sign}", n=locale.number(abs(more)) + share)
        date = locale.date(dt.date.fromisoformat(one["period"][:10]))
        note = texts(f"figure.{one['name']}_note", date=date)
        if one.get("of") is not None and value is not None and one["of"] >= 0:
            note = texts("figure.of", n=locale.number(one["of"]), date=date)
        yield {
            "name": texts(f"figure.{one['name']}"),
            "value": texts("figure.not_told") if value is None else locale.number(value),
            "change": change,
            "note": note,
        }


def _late(
    visit: Visit, first_told: FirstTold, parts: Mapping[str, Parts]
) -> Iterator[tuple[str, str]]:
    """Say which whole weeks are not any more what they were when they were first shown."""
    now_ms, locale = visit.interface.now_ms(), visit.locale
    for part in parts.values():
        for one in part["figures"]:
            for period, value in one.get("watched", ()):
                first = first_told.of(visit.caller, one["name"], period, Told(value, now_ms))
                if first.value == value:
                    continue
                yield (
                    visit.texts(
                        f"changed.late_{one['name']}",
                        date=locale.date(dt.date.fromisoformat(period[:10])),
                        now=locale.number(value),
                        before=locale.number(first.value),
                    ),
                    visit.texts(
                        "changed.late_why", date=locale.instant(first.at_ms, visit.timezone)
                    ),
                )


def _redefined(visit: Visit) -> Iterator[tuple[str, str]]:
    """Say which definitions were stated in the last week, to those who may see definitions."""
    caller, control = visit.caller, visit.interface.serving.control()
    if caller.is_limited or Scope.READ not in caller.scopes:
        return
    since_ms = visit.interface.now_ms() - _WEEK_MS
    for (tenant, kind, name), versions in control.versions.items():
        last = versions[-1]
        if tenant != caller.tenant or last.at_ms < since_ms or kind is DefinitionKind.LIST:
            continue
        what = "deleted" if last.written is None else "new" if last.number == 1 else "changed"
        when = visit.locale.instant(last.at_ms, visit.timezone)
        yield (
            visit.texts(f"changed.definition_{what}", kind=visit.texts(f"kind.{kind}"), name=name),
            visit.texts(
                "changed.definition_why", version=last.number, author=last.author, date=when
            ),
        )


def _known(visit: Visit, found: list[Drawn]) -> str:
    newest = max((one.as_of for one in found if one.as_of), default=None)
    if newest is None:
        return ""
    at_ms = round(dt.datetime.fromisoformat(newest).timestamp() * 1_000)
    return visit.locale.instant(at_ms, visit.timezone)


def _freshness(visit: Visit, found: list[Drawn]) -> list[tuple[str, str, str]]:
    """Return by region how fresh its share is: name, a class, words. At a node alone that is its newest entry."""
    if not found:
        return []
    live = found[-1].live
    if live.freshness is None:
        if live.age_ms is None:
            return []
        here = visit.interface.settings.node.region or visit.texts("freshness.here")
        age = age_in_words(visit, live.age_ms / 1_000)
        return [(here, "now", visit.texts("freshness.newest", age=age))]
    rows = []
    for region, lag_s in sorted(live.freshness.items()):
        if lag_s is None:
            rows.append((region, "unknown", visit.texts("freshness.unknown")))
        elif lag_s <= 1:
            rows.append((region, "now", visit.texts("freshness.now")))
        else:
            behind = visit.texts("freshness.behind", age=age_in_words(visit, lag_s))
            rows.append((region, "behind" if lag_s > 30 else "now", behind))
    return rows
