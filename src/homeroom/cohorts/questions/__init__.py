"""The typed questions: flags, TOML, JSON and Python calls all build these objects, and nothing else is answered.

A question is plain data, frozen and comparable. ``parse_question`` builds one from a mapping (a decoded TOML or JSON
file, or collected flags); ``Question.check`` refuses what makes no sense, naming the field, its value and what is
allowed. What the words mean exactly (a period, first-time, recurring, on, on or after) stands in
``docs/reference/definitions.md``. The command line builds questions before anything is read, so nothing here imports
NumPy. A new kind of question is a type in a module of its own, and a name in `parsing.QUESTIONS`.
"""

from homeroom.cohorts.questions.attendance import (
    ATTENDANCE,
    Active,
    Align,
    Lifecycle,
    Match,
    Mode,
    Retention,
    Stickiness,
)
from homeroom.cohorts.questions.behaviour import Funnel, Paths
from homeroom.cohorts.questions.belonging import CohortSize, Learner, MemberList, Overlap
from homeroom.cohorts.questions.conditions import (
    FLAG_FIELDS,
    NUMBER_FIELDS,
    TEXT_FIELDS,
    Condition,
    parse_condition,
)
from homeroom.cohorts.questions.course_report import CourseReport
from homeroom.cohorts.questions.definitions import Definitions, parse_definitions
from homeroom.cohorts.questions.parsing import QUESTIONS, parse_question
from homeroom.cohorts.questions.question import Interval, Question, WeekStart
from homeroom.cohorts.questions.risk import AtRisk
from homeroom.cohorts.questions.zones import zone

__all__ = [
    "ATTENDANCE",
    "FLAG_FIELDS",
    "NUMBER_FIELDS",
    "QUESTIONS",
    "TEXT_FIELDS",
    "Active",
    "Align",
    "AtRisk",
    "CohortSize",
    "Condition",
    "CourseReport",
    "Definitions",
    "Funnel",
    "Interval",
    "Learner",
    "Lifecycle",
    "Match",
    "MemberList",
    "Mode",
    "Overlap",
    "Paths",
    "Question",
    "Retention",
    "Stickiness",
    "WeekStart",
    "parse_condition",
    "parse_definitions",
    "parse_question",
    "zone",
]
