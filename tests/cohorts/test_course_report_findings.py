"""What stands out is said when enough learners are behind it, and only then; verbs of all platforms mean their acts."""

import pytest

from homeroom.cohorts.course_report.acts import Act, act_codes, act_verbs
from homeroom.cohorts.course_report.findings import FINDINGS_MAX, LEARNERS_MIN
from homeroom.cohorts.questions import CourseReport
from homeroom.events.vocabulary import VerbTable
from tests.oracle import instant_ms
from tests.oracle.course_events import CourseEvent, answered
from tests.reports import report

AT = instant_ms("2024-03-04T10:00Z")
MINUTE_MS = 60_000
WEEK = 7 * 1440


def event(learner: int, minutes: float, **fields) -> CourseEvent:
    return CourseEvent(
        account=f"learner {learner}", time_ms=AT + round(minutes * MINUTE_MS), **fields
    )


def said(events: list[CourseEvent]) -> list[str]:
    return [finding.text for finding in answered([events], CourseReport()).runs[0].findings]


def several(count: int, *events: CourseEvent) -> list[CourseEvent]:
    """Return events for each of so many learners."""
    return [
        CourseEvent(**{**{f: getattr(e, f) for f in CourseEvent.__dataclass_fields__}, "account": f"learner {n}"})
        for n in range(count)
        for e in events
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (
            10,
            12,
            "12 learners were active in the week of 2024-03-11, 20% more than the week before (10).",
        ),
        (
            12,
            1,
            "1 learner was active in the week of 2024-03-11, 92% fewer than the week before (12).",
        ),
        (
            10,
            10,
            "10 learners were active in the week of 2024-03-11, as many as the week before (10).",
        ),
        (9, 20, None),
    ],
)
def test_the_last_whole_week_is_compared_with_the_one_before(before, now, told):
    events = several(before, event(0, 0)) + several(now, event(0, WEEK)) + [event(0, 2 * WEEK)]
    assert said(events) == ([told] if told else [])


def test_the_section_that_loses_most_of_those_who_came_so_far():
    one, two, three = (event(0, 60 * n, section=f"week {n}") for n in (1, 2, 3))
    events = [*several(20, one), *several(14, two), *several(12, three), event(99, 90 * 1440)]
    assert said(events) == [
        "Section week 1 loses most learners: 30% of the 20 who came this far went no further."
    ]
    still_here = [*events, *several(20, event(0, 85 * 1440))]
    assert not any("Section" in text for text in said(still_here))


def answers(problem: str, right: int, wrong: int, **fields) -> list[CourseEvent]:
    common = {"verb": "answered", "activity": problem, "track": "problem", **fields}
    made = [event(n, n, success=True, answer="yes", **common) for n in range(right)]
    return made + [event(right + n, n, success=False, answer="no", **common) for n in range(wrong)]


def test_the_problem_that_fewest_are_right_at_first():
    found = said([*answers("easy", 9, 3), *answers("hard", 4, 8), *answers("rare", 0, 9)])
    assert found[0] == (
        "Problem hard is right at first try for 33% of 12 learners, the lowest of all problems; in the end 33% get "
        "it right."
    )
    assert found[1] == "At problem hard, 67% of all answers are no, which is wrong."
    assert said(answers("only", 5, 4)) == []


def test_where_no_result_is_known_the_lowest_score_is_told():
    common = {"verb": "answered", "track": "problem"}
    events = [
        *several(12, event(0, 0, activity="low", score=0.25, **common)),
        *several(12, event(0, 1, activity="high", score=0.75, **common)),
    ]
    assert said(events) == ["Problem low has the lowest mean score: 0.25, of 12 learners."]


def film(learners: int, until_s: float, again_s: float = 0) -> list[CourseEvent]:
    common = {"activity": "film", "track": "video", "length_s": 300.0}
    steps = [event(0, 0, verb="played", position_s=0.0, **common)]
    if again_s:
        steps.append(
            event(0, until_s / 60, verb="seeked", position_s=0.0, position_from_s=until_s, **common)
        )
        steps.append(
            event(0, (until_s + again_s) / 60, verb="paused", position_s=again_s, **common)
        )
    else:
        steps.append(event(0, until_s / 60, verb="paused", position_s=until_s, **common))
    return several(learners, *steps)


def test_the_video_that_is_left_earliest():
    stay = [e for e in film(20, 300) if int(e.account.split()[1]) >= 10]
    assert said(film(10, 200) + stay) == [
        "Video film is left at 3:20 of 5:00 by 50% of its viewers."
    ]
    assert said(film(10, 280)) == []
    assert said(film(LEARNERS_MIN - 1, 100)) == []


def test_the_stretch_that_is_watched_again():
    assert said(film(10, 300, again_s=60)) == [
        "Video film is watched again from 0:00 to 1:00: 2.0 times by each of its viewers."
    ]


def test_who_left_and_who_passed():
    joined = several(12, event(0, 0, verb="registered", standing="enrolled"))
    left = several(3, event(0, WEEK, verb="unregistered", standing="left"))
    passed = several(10, event(0, 20, standing="passed", score=0.9))
    failed = [event(11, 20, standing="failed", score=0.2)]
    assert said(joined + left + passed + failed)[-2:] == [
        "3 learners have left, 3 of them in the week of 2024-03-11; 9 are enrolled.",
        "91% of the 11 learners who passed or failed have passed.",
    ]
    graded = several(10, event(0, 20, standing="graded", score=0.5))
    assert said(graded) == ["Half of the 10 graded learners have a grade up to 0.50 of 1."]


def test_who_writes():
    events = [
        *several(10, event(0, 0)),
        event(0, 1, verb="edx.forum.thread.created", track="forum"),
    ]
    assert said(events) == ["10% of the 10 active learners have written in the discussions (1)."]


def test_a_summary_has_at_most_seven_sentences_each_with_its_rule():
    findings = report().runs[0].findings
    assert 3 < len(findings) <= FINDINGS_MAX
    assert all(finding.rule and finding.text.endswith(".") for finding in findings)


@pytest.mark.parametrize(
    ("verb", "act"),
    [
        ("https://w3id.org/xapi/video/verbs/played", Act.PLAYED),
        ("https://w3id.org/xapi/video/verbs/paused", Act.PAUSED),
        ("https://w3id.org/xapi/video/verbs/seeked", Act.SEEKED),
        ("http://adlnet.gov/expapi/verbs/completed", Act.COMPLETED),
        ("http://adlnet.gov/expapi/verbs/terminated", Act.TERMINATED),
        ("http://adlnet.gov/expapi/verbs/answered", Act.ANSWERED),
        ("play_video", Act.PLAYED),
        ("pause_video", Act.PAUSED),
        ("seek_video", Act.SEEKED),
        ("stop_video", Act.COMPLETED),
        ("problem_check", Act.ANSWERED),
        ("edx.forum.comment.created", Act.POSTED),
        ("edx.course.enrollment.activated", Act.ENROLLED),
        ("edx.course.enrollment.deactivated", Act.LEFT),
        ("\\mod_quiz\\event\\attempt_submitted", Act.ANSWERED),
        ("\\mod_forum\\event\\post_created", Act.POSTED),
        ("\\mod_forum\\event\\discussion_viewed", Act.READ),
        ("\\core\\event\\user_enrolment_created", Act.ENROLLED),
        ("http://id.tincanapi.com/verb/unregistered", Act.LEFT),
        ("registered", Act.ENROLLED),
        ("", Act.NONE),
        ("replayed", Act.NONE),
        ("https://example.org/played/back", Act.NONE),
    ],
)
def test_a_verb_means_its_act(verb, act):
    assert act_codes([verb]).tolist() == [Act.NONE, act]


def test_every_verb_of_the_table_is_one_that_the_verb_table_knows_or_a_last_part():
    """A verb that gets no track of its own would never count as an act of a video, a problem or the forum."""
    table = VerbTable.standard()
    whole = [
        verb for verb in act_verbs() if verb.startswith(("edx.", "\\")) or verb.endswith("_video")
    ]
    tracks = dict(zip(whole, table.track_codes(whole).tolist(), strict=True))
    left = {
        verb for verb, track in tracks.items() if track == 0 and act_verbs()[verb] is not Act.LEFT
    }
    assert left == set()
