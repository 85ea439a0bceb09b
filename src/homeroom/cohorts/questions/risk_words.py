"""The question of who is at risk in words: what the numbers count, in a sentence."""

from homeroom.cohorts.questions.risk import AtRisk

__all__ = ["in_words"]


def in_words(question: AtRisk) -> str:
    """Return one sentence or two that say which enrolments are at risk."""
    days = "day" if question.quiet_days == 1 else f"{question.quiet_days} days"
    beyond = f" in {_either(question.beyond)}" if question.beyond else ""
    unless = f", and not {_either(question.unless)}" if question.unless else ""
    return (
        f"At risk: enrolled, active before{beyond}, without any activity in the course run in the last {days}{unless}. "
        f"Shares are of current enrolments."
    )


def _either(names: tuple[str, ...]) -> str:
    return " or ".join((*([", ".join(names[:-1])] if len(names) > 1 else ()), names[-1]))
