"""The verb table: exact names, prefixes, types that decide, and what a user's file may say."""

import pytest

from homeroom.errors import MappingError
from homeroom.events.model import STANDINGS, TRACKS
from homeroom.events.vocabulary import VerbTable

TABLE = VerbTable.standard()


def track(verb: str, table: VerbTable = TABLE) -> str:
    return TRACKS[int(table.track_codes([verb])[0])]


def by_type(verb: str, kind: str, table: VerbTable = TABLE) -> str | None:
    code = table.by_type(verb, kind)
    return None if code < 0 else TRACKS[code]


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("https://w3id.org/xapi/video/verbs/played", "video"),
        ("http://adlnet.gov/expapi/verbs/answered", "problem"),
        ("http://adlnet.gov/expapi/verbs/registered", "enrolment"),
        ("http://adlnet.gov/expapi/verbs/voided", "other"),
        ("http://id.tincanapi.com/verb/unregistered", "other"),  # an enrolment begins with joining
        ("edx.course.enrollment.deactivated", "other"),
        ("https://w3id.org/xapi/dod-isd/verbs/navigated", "navigation"),
        ("play_video", "video"),
        ("edx.video.played", "video"),
        ("problem_check", "problem"),
        ("edx.forum.thread.created", "forum"),
        ("edx.course.enrollment.activated", "enrolment"),
        ("seq_next", "navigation"),
        ("\\mod_quiz\\event\\attempt_submitted", "problem"),
        ("\\mod_forum\\event\\post_created", "forum"),
        ("\\core\\event\\course_viewed", "navigation"),
        ("\\core\\event\\user_enrolment_created", "enrolment"),
        ("User enrolled in course", "enrolment"),
        ("viewed", "navigation"),
        ("played", "video"),
        ("submitted", "problem"),
        ("posted", "forum"),
        ("read", "reading"),
        ("joined", "live"),
        ("enrolled", "enrolment"),
        ("sang", "other"),
        ("", "other"),
    ],
)
def test_the_standard_table_knows(verb: str, expected: str) -> None:
    assert track(verb) == expected


def test_tracks_of_many_verbs_come_in_their_order() -> None:
    codes = TABLE.track_codes(["posted", "played", "sang"])
    assert codes.dtype == "uint8"
    assert [TRACKS[code] for code in codes] == ["forum", "video", "other"]
    assert len(TABLE.track_codes([])) == 0


def test_every_track_of_the_table_is_a_track() -> None:
    assert track("\\mod_zoom\\event\\x") == "live"


@pytest.mark.parametrize(
    ("verb", "kind", "expected"),
    [
        (
            "http://adlnet.gov/expapi/verbs/completed",
            "https://w3id.org/xapi/video/activity-type/video",
            "video",
        ),
        (
            "http://adlnet.gov/expapi/verbs/interacted",
            "http://adlnet.gov/expapi/activities/question",
            "problem",
        ),
        ("http://adlnet.gov/expapi/verbs/completed", "https://example.org/unknown", None),
        ("http://adlnet.gov/expapi/verbs/completed", "", None),
        (
            "https://w3id.org/xapi/video/verbs/played",
            "http://adlnet.gov/expapi/activities/question",
            None,
        ),
        (
            "https://example.org/unheard-of",
            "http://id.tincanapi.com/activitytype/discussion",
            "forum",
        ),
        ("edx.ui.lms.link_clicked", "video", "video"),
        ("Quiz attempt submitted", "Quiz", "problem"),
    ],
)
def test_the_type_decides_only_where_the_verb_does_not(
    verb: str, kind: str, expected: str | None
) -> None:
    assert by_type(verb, kind) == expected


def test_a_file_adds_and_overrides() -> None:
    own = """
    [reading]
    verbs = ["https://example.org/verbs/*", "played"]
    activity_types = ["https://example.org/types/card"]
    [problem]
    verbs = ["https://example.org/verbs/quizzed"]
    """
    table = TABLE.extended(own, "own.toml")
    assert track("https://example.org/verbs/leafed", table) == "reading"
    assert track("https://example.org/verbs/quizzed", table) == "problem"
    assert track("played", table) == "reading"
    assert by_type("completed", "https://example.org/types/card", table) == "reading"
    assert track("played") == "video", "the table that was extended is what it was"


def test_a_verb_that_a_file_gives_to_a_track_is_no_longer_decided_by_type() -> None:
    verb, kind = (
        "http://adlnet.gov/expapi/verbs/completed",
        "https://w3id.org/xapi/video/activity-type/video",
    )
    table = TABLE.extended(f'[other]\nverbs = ["{verb}"]', "own.toml")
    assert by_type(verb, kind) == "video"
    assert by_type(verb, kind, table) is None
    again = TABLE.extended(
        f'[other]\nverbs = ["{verb}"]\n[by_activity_type]\nverbs = ["{verb}"]', "own.toml"
    )
    assert by_type(verb, kind, again) == "video"


def test_the_longest_prefix_wins_and_an_exact_name_beats_it() -> None:
    table = VerbTable().extended(
        '[video]\nverbs = ["a*"]\n[forum]\nverbs = ["ab*"]\n[live]\nverbs = ["abc"]', "own.toml"
    )
    assert [track(verb, table) for verb in ("ax", "abx", "abc", "b")] == [
        "video",
        "forum",
        "live",
        "other",
    ]


def standing(verb: str, table: VerbTable = TABLE) -> tuple[str, str]:
    """Return what a verb says of a standing by itself, and where it is about a course run."""
    alone, of_course = table.standing_codes([verb]), table.course_standing_codes([verb])
    return STANDINGS[int(alone[0])], STANDINGS[int(of_course[0])]


@pytest.mark.parametrize(
    ("verb", "alone", "of_course"),
    [
        ("edx.course.enrollment.activated", "enrolled", "enrolled"),
        ("edx.course.enrollment.deactivated", "left", "left"),
        ("edx.grades.course.grade_calculated", "graded", "graded"),
        ("edx.grades.subsection.grade_calculated", "none", "none"),
        ("edx.certificate.created", "passed", "passed"),
        ("\\core\\event\\user_enrolment_created", "enrolled", "enrolled"),
        ("\\core\\event\\user_enrolment_deleted", "left", "left"),
        ("\\core\\event\\course_completed", "completed", "completed"),
        ("\\core\\event\\course_module_completion_updated", "none", "none"),
        ("Course completed", "completed", "completed"),
        ("http://adlnet.gov/expapi/verbs/registered", "none", "enrolled"),
        ("http://adlnet.gov/expapi/verbs/completed", "none", "completed"),
        ("http://adlnet.gov/expapi/verbs/failed", "none", "failed"),
        ("registered", "enrolled", "enrolled"),
        ("passed", "none", "passed"),
        ("viewed", "none", "none"),
        ("", "none", "none"),
    ],
)
def test_the_standard_table_knows_standings(verb: str, alone: str, of_course: str) -> None:
    assert standing(verb) == (alone, of_course)


def test_standings_of_many_verbs_come_in_their_order() -> None:
    verbs = ["enrolled", "sang", "completed"]
    for codes in (TABLE.standing_codes(verbs), TABLE.course_standing_codes(verbs)):
        assert codes.dtype == "uint8"
    assert TABLE.standing_codes(verbs).tolist() == [1, 0, 0]
    assert TABLE.course_standing_codes(verbs).tolist() == [1, 0, 5]
    assert len(TABLE.standing_codes([])) == len(TABLE.course_standing_codes([])) == 0


def test_a_file_adds_standings_and_overrides_them() -> None:
    own = """
    [standing.passed]
    verbs = ["certified", "org.example.passed.*", "completed"]
    [standing.completed]
    of_course = ["enrolled"]
    [standing.none]
    verbs = ["edx.certificate.created", "registered"]
    of_course = ["failed"]
    """
    table = TABLE.extended(own, "own.toml")
    assert standing("certified", table) == ("passed", "passed")
    assert standing("org.example.passed.today", table) == ("passed", "passed")
    assert standing("completed", table) == ("passed", "passed"), "no longer by its activity"
    assert standing("enrolled", table) == ("none", "completed"), "only by its activity"
    assert standing("edx.certificate.created", table) == ("none", "none")
    assert standing("registered", table) == ("none", "none")
    assert standing("failed", table) == ("none", "none")
    assert standing("enrol", table) == ("enrolled", "enrolled")
    assert standing("completed") == ("none", "completed"), (
        "the table that was extended is what it was"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[video", "is no TOML"),
        (
            '[standing.graduated]\nverbs = ["x"]',
            "[graduated] is no standing; it must be one of none, enrolled",
        ),
        ("standing = 3", "standing is 3, must be a table"),
        ("[standing]\npassed = 3", "passed is 3, must be a table"),
        (
            '[standing.passed]\nactivity_types = ["x"]',
            "[standing.passed] has no key 'activity_types'; it may have verbs, of_course",
        ),
        ('[standing.passed]\nverbs = "x"', "verbs of [standing.passed] is 'x', must be a list"),
        (
            '[standing.passed]\nverbs = ["x"]\n[standing.failed]\nof_course = ["x"]',
            "'x' stands under both [standing.passed] and [standing.failed]",
        ),
        ("[vidoe]\nverbs = []", "[vidoe] is no track; it must be one of other, video"),
        ("video = 3", "video is 3, must be a table"),
        ('[video]\nverb = ["x"]', "[video] has no key 'verb'; it may have verbs, activity_types"),
        ('[video]\nverbs = "x"', "verbs of [video] is 'x', must be a list"),
        ("[video]\nverbs = [3]", "verbs of [video] holds 3"),
        ('[video]\nverbs = ["*"]', "holds '*'"),
        (
            '[video]\nverbs = ["x"]\n[forum]\nverbs = ["x"]',
            "'x' stands under verbs of both [video] and [forum]",
        ),
        (
            '[by_activity_type]\nactivity_types = ["x"]',
            "[by_activity_type] has no key 'activity_types'",
        ),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_what_is_allowed(text: str, told: str) -> None:
    with pytest.raises(MappingError) as error:
        TABLE.extended(text, "own.toml")
    assert "own.toml" in str(error.value)
    assert told in str(error.value)
