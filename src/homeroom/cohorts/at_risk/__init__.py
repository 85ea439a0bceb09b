"""Who is at risk: enrolled, was beyond the front page, has been quiet, and has not passed.

Everything about one date comes from the columns of the enrolments, if nothing has changed since. The trend asks the
same of the ends of weeks: days of activity are in the columns whatever came later, and of standings that changed later
history tells what they were. In another zone the days are cut anew from history. Exact definitions stand in
``docs/reference/at-risk.md``.

Comes in: a question, the columns of enrolments and of their learners, history. Goes out: an `AtRiskAnswer`. Nothing
here names a person: a learner is a pseudonym.
"""

from homeroom.cohorts.at_risk.answer import answer_at_risk

__all__ = ["answer_at_risk"]
