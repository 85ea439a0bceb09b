"""Data that can be asked: what a person holds after reading, loading or opening.

Every kind of question is a method of its name, whose arguments are the question's fields. Corrections of the past go
through here too, and those of a directory are kept there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from homeroom import corrections
from homeroom.cohorts.questions import Definitions, Question, parse_question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from homeroom.cohorts.answers import (
        ActiveAnswer,
        Answer,
        AtRiskAnswer,
        CohortAnswer,
        CourseReportAnswer,
        FunnelAnswer,
        LearnerAnswer,
        LifecycleAnswer,
        MembersAnswer,
        OverlapAnswer,
        PathsAnswer,
        RetentionAnswer,
        Source,
        StickinessAnswer,
    )
    from homeroom.cohorts.explaining import Explanation
    from homeroom.node.node import Node
    from homeroom.state.state import State

__all__ = ["Dataset", "PathLike"]

PathLike: TypeAlias = str | os.PathLike[str]
_T = TypeVar("_T")


class Dataset:
    """Learners that can be asked about.

    Attributes
    ----------
    source : what was read (of a directory: by all loads together)
    """

    def __init__(
        self,
        node: Node,
        source: Source,
        key: Callable[[], bytes],
        directory: PathLike | None = None,
    ) -> None:
        self._node = node
        self._key = key
        self._directory = directory
        self.source = source

    def __repr__(self) -> str:
        """Say what it holds, for the prompt and the notebook."""
        source = self.source
        return (
            f"<homeroom Dataset: {source.events_accepted:,} events of {source.learners:,} learners, "
            f"{source.first_event} to {source.last_event}>"
        )

    @property
    def timezone(self) -> str:
        """The zone in which days are cut; questions in it are answered from the columns."""
        return self._node.state.zone.name

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits, equal for equal sets of events under one key."""
        return self._node.state.fingerprint()

    def ask(self, question: Question) -> Answer:
        """Answer a question. Raises `QuestionError`, naming what makes no sense."""
        return self._node.ask(question, self.source)

    def standard_questions(
        self, fields: Mapping[str, Any], definitions: Definitions
    ) -> tuple[Question, ...]:
        """Return what a report asks of these data beside who came back.

        Parameters
        ----------
        fields : fields that all its questions share, such as ``{"as_of": "2024-03-01T00:00:00Z"}``
        definitions : the cohorts that it compares; ``data.definitions("standard")`` are those of homeroom
        """
        return self._node.standard_questions(fields, definitions)

    def explain(self, question: Question) -> Explanation:
        """Answer a question once and say what it means and reads. Raises `QuestionError` like `ask`."""
        return self._node.explain(question, self.source)

    def definitions(self, path: PathLike) -> Definitions:
        """Read a file of cohort definitions; accounts on its lists are looked up under the key of these data.

        Raises `QuestionError` for one that makes no sense, and `KeyFileError` if a list holds accounts and the key is
        not there.
        """
        from homeroom.adapters.definition_files import (
            read_definitions,  # lists of accounts are tables
        )

        return read_definitions(Path(path), self._key)

    def void(self, ids: Iterable[str]) -> corrections.Voided:
        """Take events back by their ids: they have not happened. In a data directory this is kept.

        Ids that have not come yet are voided when they come. Raises `InputError` for an id that is empty, and
        `KeyFileError` if the key of a directory is not there.
        """
        given = list(ids)
        return self._correct(lambda state: corrections.void(state, given, self._key))

    def merge(self, pairs: corrections.Pairs) -> corrections.Joined:
        """Make each pair of learners one: pseudonyms, or accounts as (issuer, account). A data directory keeps it.

        Raises `InputError` for what is no pair of learners, and `KeyFileError` if accounts are given and the key of a
        directory is not there.
        """
        keys = corrections.keys_of(pairs, self._key)
        return self._correct(lambda state: corrections.join(state, keys))

    def unmerge(self, pairs: corrections.Pairs) -> corrections.Parted:
        """Take back that pairs of learners, given as for `merge`, are one.

        Raises `InputError` if a pair was not merged with each other; then none is unmerged.
        """
        keys = corrections.keys_of(pairs, self._key)
        return self._correct(lambda state: corrections.part(state, keys))

    def _correct(self, change: Callable[[State], _T]) -> _T:
        if self._directory is None:
            result = change(self._node.state)
            self.source = corrections.corrected(self.source, self._node.state)
        else:
            place = Path(self._directory)
            self._node, self.source, result = corrections.correct_directory(place, change)
        return result

    def retention(self, **fields: Any) -> RetentionAnswer:  # noqa: ANN401 - the fields of `Retention`
        """Answer a `Retention` question given by its fields (``from_`` is the first date)."""
        return cast("RetentionAnswer", self._ask("retention", fields))

    def lifecycle(self, **fields: Any) -> LifecycleAnswer:  # noqa: ANN401 - the fields of `Lifecycle`
        """Answer a `Lifecycle` question given by its fields."""
        return cast("LifecycleAnswer", self._ask("lifecycle", fields))

    def stickiness(self, **fields: Any) -> StickinessAnswer:  # noqa: ANN401 - the fields of `Stickiness`
        """Answer a `Stickiness` question given by its fields."""
        return cast("StickinessAnswer", self._ask("stickiness", fields))

    def active(self, **fields: Any) -> ActiveAnswer:  # noqa: ANN401 - the fields of `Active`
        """Answer an `Active` question given by its fields."""
        return cast("ActiveAnswer", self._ask("active", fields))

    def funnel(self, **fields: Any) -> FunnelAnswer:  # noqa: ANN401 - the fields of `Funnel`
        """Answer a `Funnel` question given by its fields."""
        return cast("FunnelAnswer", self._ask("funnel", fields))

    def paths(self, **fields: Any) -> PathsAnswer:  # noqa: ANN401 - the fields of `Paths`
        """Answer a `Paths` question given by its fields."""
        return cast("PathsAnswer", self._ask("paths", fields))

    def members(self, **fields: Any) -> MembersAnswer:  # noqa: ANN401 - the fields of `MemberList`
        """Answer a `MemberList` question given by its fields."""
        return cast("MembersAnswer", self._ask("members", fields))

    def cohort(self, **fields: Any) -> CohortAnswer:  # noqa: ANN401 - the fields of `CohortSize`
        """Answer a `CohortSize` question given by its fields."""
        return cast("CohortAnswer", self._ask("cohort", fields))

    def overlap(self, **fields: Any) -> OverlapAnswer:  # noqa: ANN401 - the fields of `Overlap`
        """Answer an `Overlap` question given by its fields."""
        return cast("OverlapAnswer", self._ask("overlap", fields))

    def learner(self, **fields: Any) -> LearnerAnswer:  # noqa: ANN401 - the fields of `Learner`
        """Answer a `Learner` question given by its fields."""
        return cast("LearnerAnswer", self._ask("learner", fields))

    def report(self, **fields: Any) -> CourseReportAnswer:  # noqa: ANN401 - the fields of `CourseReport`
        """Answer a `CourseReport` question given by its fields (``course`` names one course run, or lists several)."""
        return cast("CourseReportAnswer", self._ask("report", fields))

    def at_risk(self, **fields: Any) -> AtRiskAnswer:  # noqa: ANN401 - the fields of `AtRisk`
        """Answer an `AtRisk` question given by its fields."""
        return cast("AtRiskAnswer", self._ask("at-risk", fields))

    def _ask(self, kind: str, fields: dict[str, Any]) -> Answer:
        if isinstance(fields.get("definitions"), str | os.PathLike):
            fields = {**fields, "definitions": self.definitions(fields["definitions"])}
        written = {"from" if name == "from_" else name: value for name, value in fields.items()}
        return self.ask(parse_question({"question": kind, **written}))
