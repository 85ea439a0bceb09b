"""What a node knows of the part of its tenant that an answer depends on: by which an answer that was kept holds."""

from homeroom.cohorts.depending import depends_of, span_of, under
from homeroom.events.instants import format_instant
from homeroom.node.overview import Overview
from homeroom.node.parts_read import part_of
from homeroom.running.answering import Answering
from homeroom.serve.remembering import Asking
from homeroom.state.state import State
from homeroom.traffic.caching.judging import OfPart

__all__ = ["known_of_part"]


def known_of_part(node: Answering, asking: Asking, found: Overview, state: State) -> OfPart | None:
    """Return what is known of the part of the data that an answer depends on; None where it depends on all of them.

    ``found`` was noted of the state before this: what came meanwhile touches, and is in no frame.
    """
    depends = depends_of(asking.question)
    span = span_of(asking.question, found.numbers.span_ms)
    part = None if depends is None else part_of(state, depends)
    if depends is None or span is None or part is None:
        return None
    now = under(span, depends, state.zone.name, found.columns)
    source = node.source(asking.tenant, found.numbers)
    return OfPart(
        touched=node.live.touched_part(asking.tenant, part),
        under=frozenset({now.days, now.instant}),
        frame=asking.frame(format_instant(span.as_of_ms), source),
        newest=found.newest,
    )
