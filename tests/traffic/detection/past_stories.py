"""What was true a moment ago is no vote, as stories: told, seen or asked before, and well again since.

They are run as those of `tests.traffic.detection.stories` are.
"""

from homeroom import limits
from homeroom.traffic.detection.health import Verdict
from homeroom.traffic.detection.heartbeats import read_heartbeat
from homeroom.traffic.detection.steps import Outcome
from tests.traffic.detection.stories import all_are, lab_of, last_heartbeat, told_in

FINE, CONFIRMED = Verdict.FINE, Verdict.CONFIRMED


def what_was_said_long_ago_is_no_vote(detector):
    lab = lab_of(detector, 1, 1, 1, 1)
    lab.part(["d1"], ["b1"])
    lab.run(7_000)
    # From here on a hears nothing of b, which cannot reach d and will say so no more; then c cannot either.
    lab.part(["b1"], ["a1"])
    lab.run(4_000)
    lab.cut.discard(("d1", "b1"))
    lab.part(["d1"], ["c1"])
    lab.run(9_000)
    assert ("a1", "d1", CONFIRMED) not in [told[1:] for told in lab.history]


def what_failed_while_a_link_was_cut_is_no_vote_when_it_is_whole(detector):
    lab = lab_of(detector, 1, 1, 1, 1, 1, 1)
    for ones, others in ((["a1", "b1"], ["f1"]), (["f1"], ["a1", "b1"])):
        lab.part(ones, others)
    lab.run(12_000)
    # All is well between these now, but for a server that takes its time; and a third one is cut off.
    lab.cut.clear()
    lab.answers["f1"] = (Outcome.ANSWER, 4_900)
    lab.part(["c1"], ["f1"])
    lab.part(["f1"], ["c1"])
    lab.run(9_000)
    assert not lab.confirmed()


def who_is_heard_again_is_well_again_whatever_was_asked_in_the_cut(detector):
    lab = lab_of(detector, 1, 1, 1)
    cut_both_ways(lab, ["a1"], ["c1"])
    lab.run(7_600)
    lab.cut.clear()
    lab.answers["c1"] = (Outcome.ANSWER, 800)
    # Until both hear each other and know it, and two seconds; the first answer comes later.
    lab.run(3_100)
    all_are(lab, "c1", FINE)


def a_question_that_is_lost_is_nothing_if_a_later_one_is_answered(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["c1"] = (Outcome.TIME_OUT, limits.PROBE_WAIT_MS)
    lab.run(1_000)
    lab.answers["c1"] = (Outcome.ANSWER, 300)
    lab.run(9_000)
    assert not lab.history


def one_error_after_a_standstill_is_no_vote(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["c1"] = (Outcome.TIME_OUT, limits.PROBE_WAIT_MS)
    lab.run(4_000)
    lab.answers["c1"] = (Outcome.REFUSAL, 80)
    lab.run(1_900)
    lab.answers.clear()
    lab.run(4_000)
    assert not lab.confirmed()


def a_region_that_is_heard_late_is_not_heard(detector):
    lab = lab_of(detector, 1, 1, 1, 1)
    for node in ("a1", "b1"):
        lab.delay_ms["c1", node] = 6_000
    lab.run(6_500)
    lab.part(["d1"], ["a1", "b1"])
    lab.run(9_000)
    assert "d1" not in lab.confirmed()


def stand_still(lab, nodes, of, after_ms, behind_ms):
    """Cut a node off from some others, whose machines stand still then while it is well again."""
    lab.part([of], nodes)
    lab.run(after_ms)
    lab.cut.clear()
    lab.paused.update(nodes)
    for node in nodes:
        lab.behind_ms[node] = behind_ms
    lab.run(8_000)  # the next thing that they do is to look around, before they hear anything
    lab.paused.clear()
    before = len(lab.history)
    lab.run(2_000)
    return {told[1] for told in lab.history[before:] if told[2:] == (of, CONFIRMED)}


def machines_that_stood_still_together_take_no_old_votes_of_each_other(detector):
    lab = lab_of(detector, 1, 1, 1, 1)
    assert not stand_still(lab, ["a1", "b1", "c1"], "d1", 5_500, 8_000)


def what_is_said_first_after_a_pause_is_no_vote(detector):
    lab = lab_of(detector, 1, 1, 1, 1, 1)
    assert "e1" not in stand_still(lab, ["a1", "b1", "c1"], "d1", 5_380, 0)


def a_clock_that_stood_still_makes_nothing_old_that_is_new(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.behind_ms["b1"] = 4_000
    lab.run(3_000)
    lab.kill("c1")
    lab.run(7_500)
    all_are(lab, "c1", CONFIRMED)


def an_opinion_that_was_held_up_on_the_way_is_too_old_to_count(detector):
    lab = lab_of(detector, 1, 1, 1, 1, 1)
    # d is cut off for all, then well again but for a; what b and c said meanwhile comes only now.
    voters, others = ["b1", "c1"], ["a1", "b1", "c1", "e1"]
    lab.part(["d1"], others)
    lab.run(3_000)
    for voter in voters:
        lab.delay_ms[voter, "a1"] = 4_500
    lab.run(4_000)
    lab.cut.clear()
    lab.part(["d1"], ["a1"])
    before = len(lab.history)
    lab.run(4_000)
    assert ("a1", "d1", CONFIRMED) not in [told[1:] for told in lab.history[before:]]


def says_it_cannot_reach(lab, node, of):
    """Say whether a node's newest heartbeat is a vote that another one is gone."""
    opinion = read_heartbeat(last_heartbeat(lab, node)).opinions.get(of)
    return opinion is not None and opinion.lost_ms >= limits.CONFIRM_MS


def cut_both_ways(lab, ones, others):
    lab.part(ones, others)
    lab.part(others, ones)


def cut_now_and_then(lab, of, times, cut_ms, whole_ms):
    """Cut a node off from all others again and again, in a rhythm that questions may keep to."""
    for _ in range(times):
        cut_both_ways(lab, [of], [node for node in lab.regions if node != of])
        lab.run(cut_ms)
        lab.cut.clear()
        lab.run(whole_ms)


def who_is_cut_off_for_moments_is_not_gone_because_questions_met_them(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.run(100)
    cut_now_and_then(lab, "c1", 8, cut_ms=500, whole_ms=4_600)
    assert not lab.confirmed()


def what_was_asked_in_cuts_is_no_vote_when_they_are_over(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.run(100)
    cut_now_and_then(lab, "c1", 30, cut_ms=1_600, whole_ms=400)
    lab.answers["c1"] = (Outcome.ANSWER, 4_500)  # so that nobody has an answer before this is over
    lab.run(2_400)
    assert not [node for node in ("a1", "b1") if says_it_cannot_reach(lab, node, "c1")]


def what_was_refused_some_time_ago_is_no_vote(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["c1"] = (Outcome.REFUSAL, 4_500)
    lab.run(12_000)
    lab.answers["c1"] = (Outcome.ANSWER, 4_500)
    lab.run(2_500)
    assert not [node for node in ("a1", "b1") if says_it_cannot_reach(lab, node, "c1")]


def who_was_not_heard_for_a_while_does_not_vote(detector):
    lab = lab_of(detector, 1, 1, 1, 1, 1)
    # b and c cannot reach e. When a cannot either for so long, it has not heard c for three seconds.
    cut_both_ways(lab, ["b1", "c1"], ["e1"])
    lab.run(3_600)
    cut_both_ways(lab, ["a1"], ["e1"])
    lab.run(2_000)
    lab.part(["c1"], ["a1"])
    lab.run(3_500)
    assert ("a1", "e1", CONFIRMED) not in [told[1:] for told in lab.history]


STORIES = told_in(globals())
