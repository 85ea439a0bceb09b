"""From the question of who is at risk to its answer."""

from homeroom.cohorts.answers.risk import AtRiskAnswer
from homeroom.cohorts.at_risk.asked import Asked
from homeroom.cohorts.at_risk.listing import Listing, without
from homeroom.cohorts.at_risk.numbers import count_now, trend_of
from homeroom.cohorts.at_risk.telling import Told, notes_of, told_trend
from homeroom.cohorts.context import Context
from homeroom.cohorts.kernels import risk as kernels
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.questions.risk import AtRisk
from homeroom.errors import QuestionError
from homeroom.events.model import TRACKS
from homeroom.state.zones import date_of

__all__ = ["answer_at_risk"]


def answer_at_risk(context: Context, question: AtRisk, selection: Selection) -> AtRiskAnswer:
    """Count and list the enrolments at risk. Raises `QuestionError` for what makes no sense on these data."""
    if context.state.scanned_ms is not None:
        raise QuestionError(
            "a scan keeps nothing but days of any activity, and at-risk looks at enrolments; read the files in whole"
        )
    unknown = [track for track in question.beyond if track not in TRACKS]
    if unknown:
        raise QuestionError(f"beyond holds {unknown[0]!r}, which is none of {', '.join(TRACKS)}")
    asked = Asked.of(context, question, selection)
    counts, bits = count_now(asked)
    current, at_risk, unsaid = (
        counts[:, [kind for kind in range(8) if kind & flag]].sum(axis=1)
        for flag in (kernels.IS_CURRENT, kernels.IS_AT_RISK, kernels.IS_UNKNOWN)
    )
    trend = trend_of(asked) if question.weeks else None
    told = Told.of(asked, current, at_risk)
    listing = Listing(asked, without(asked, bits, told.hidden))
    from_history = asked.answered_from == "history" or (trend is not None and trend.from_history)
    said = context.said(
        question,
        context.periods(question, "month"),
        "history" if from_history else "columns",
        selection,
    )
    notes = (*said["notes"], *notes_of(asked, current, int(unsaid.sum())))
    return AtRiskAnswer(
        **{**said, "notes": notes, "periods": () if trend is None else trend.labels},
        date=date_of(asked.day).isoformat(),
        current=int(current.sum()),
        at_risk=told.whole,
        courses=told.courses,
        trend=None if trend is None else told_trend(asked, trend, told.order),
        shown=listing.first(question.limit),
        known=asked.known,
        everyone=listing.everyone,
    )
