"""What must hold of any detector, as short stories: each takes the class of one and fails where a promise is broken.

They are run with the detector of production, and with each deliberate fault of it (`tests.traffic.detection.mutants`):
of those every one has to fail at some story.
"""

from homeroom import limits
from homeroom.traffic.detection.health import Readiness, Verdict
from homeroom.traffic.detection.steps import (
    HeartbeatCame,
    MembersChanged,
    Outcome,
    OwnState,
    Refused,
    SendHeartbeat,
)
from tests.traffic.detection.lab import Lab, regions_of

FINE, SUSPECTED, CONFIRMED = Verdict.FINE, Verdict.SUSPECTED, Verdict.CONFIRMED
WARM_MS = 4_000


def lab_of(detector, *sizes, seed=1):
    lab = Lab(regions_of(*sizes), detector, seed)
    lab.run(WARM_MS)
    return lab


def all_are(lab, of, verdict):
    found = lab.verdicts(of)
    assert set(found.values()) == {verdict}, (of, found)


def a_calm_world_is_fine(detector):
    lab = lab_of(detector, 2, 1, 1)
    lab.run(6_000)
    assert not lab.history
    for node in lab.regions:
        all_are(lab, node, FINE)


def a_death_is_suspected_within_two_seconds_and_confirmed_within_eight(detector):
    lab = lab_of(detector, 1, 1, 1, 2)
    lab.kill(*lab.nodes_of("d"))
    since_ms = lab.now_ms
    lab.run(8_000)
    for node in ("d1", "d2"):
        all_are(lab, node, CONFIRMED)
        assert max(lab.first_ms(since_ms, node, SUSPECTED).values()) <= 2_000
        assert min(lab.first_ms(since_ms, node, CONFIRMED).values()) >= 4_000
    assert lab.confirmed() == {"d1", "d2"}


def who_returns_in_a_new_life_is_fine_again(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.kill("c1")
    lab.run(8_000)
    all_are(lab, "c1", CONFIRMED)
    lab.restart("c1")
    lab.run(5_000)
    all_are(lab, "c1", FINE)


def a_minority_does_not_judge_the_majority(detector):
    lab = lab_of(detector, 2, 2, 1, 1, 1)
    few, many = lab.nodes_of("a", "b"), lab.nodes_of("c", "d", "e")
    lab.part(few, many)
    lab.part(many, few)
    lab.run(9_000)
    for one in few:
        for other in many:
            assert lab.verdict(one, other) == SUSPECTED
            assert lab.verdict(other, one) == CONFIRMED


def a_region_with_a_dead_node_still_votes(detector):
    lab = lab_of(detector, 2, 1, 1)
    lab.kill("a2")
    lab.run(8_000)
    assert lab.verdict("b1", "a2") == CONFIRMED
    lab.kill("c1")
    lab.run(8_000)
    all_are(lab, "c1", CONFIRMED)


def those_who_were_given_up_may_live_together_with_who_is_cut_off_now(detector):
    lab = lab_of(detector, 1, 2, 2, 1)
    everybody = list(lab.regions)
    for node in ("b2", "c2"):
        lab.part([node], everybody)
        lab.part(everybody, [node])
        lab.run(9_000)
        assert lab.verdict("a1", node) == CONFIRMED
    # Now d1 is cut off too, but not from these two, which are of two regions and well again: as many as see it gone.
    for node in ("b2", "c2"):
        lab.cut -= {(node, "d1"), ("d1", node)}
    lab.cut -= {("b2", "c2"), ("c2", "b2")}
    lab.part(["d1"], ["a1", "b1", "c1"])
    lab.part(["a1", "b1", "c1"], ["d1"])
    lab.run(9_000)
    assert lab.verdict("a1", "d1") == SUSPECTED


def who_was_confirmed_stays_so_for_a_node_that_is_cut_off(detector):
    lab = lab_of(detector, 1, 1, 1, 1)
    lab.kill("d1")
    lab.run(8_000)
    assert lab.verdict("a1", "d1") == CONFIRMED
    others = lab.nodes_of("b", "c")
    lab.part(others, ["a1"])
    lab.part(["a1"], others)
    lab.restart("d1")
    lab.part(["d1"], ["a1"])
    lab.run(6_000)
    assert lab.verdict("a1", "d1") == CONFIRMED
    assert lab.verdict("b1", "d1") == FINE


def half_of_a_world_confirms_nothing(detector):
    lab = lab_of(detector, 1, 1, 1, 1)
    lab.part(["a1", "b1"], ["c1", "d1"])
    lab.part(["c1", "d1"], ["a1", "b1"])
    lab.run(9_000)
    assert not lab.confirmed()


def a_region_counts_once_however_many_nodes_it_runs(detector):
    lab = lab_of(detector, 4, 1, 1, 1, 1)
    crowd = lab.nodes_of("a", "b")
    lab.part(["e1"], crowd)
    lab.run(9_000)
    assert not lab.confirmed()


def nobody_speaks_for_his_own_region(detector):
    lab = lab_of(detector, 2, 1, 1)
    lab.part(["a1"], ["a2", "b1"])
    lab.run(9_000)
    assert not lab.confirmed()


def a_region_that_reaches_a_node_by_one_of_its_own_does_not_vote(detector):
    lab = lab_of(detector, 2, 2, 1)
    lab.part(["c1"], ["a1", "b1"])
    lab.run(9_000)
    assert not lab.confirmed()
    assert lab.verdict("a1", "c1") == SUSPECTED


def one_quorum_is_needed_and_not_one_opinion(detector):
    lab = lab_of(detector, 1, 1, 1, 1, 1)
    lab.part(["e1"], ["a1", "b1"])
    lab.part(["a1", "b1"], ["e1"])
    lab.run(9_000)
    assert not lab.confirmed()
    assert lab.verdict("a1", "e1") == SUSPECTED
    assert lab.verdict("c1", "e1") == FINE


def who_was_paused_suspects_nobody(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.paused.add("a1")
    lab.run(19_980)  # so that it looks around before it hears what came meanwhile
    lab.paused.clear()
    before = len(lab.history)
    lab.run(420)
    # That the others have given it up it may know: they did.
    assert not [told for told in lab.history[before:] if told[1] == "a1" != told[2]]
    lab.run(6_000)
    all_are(lab, "a1", FINE)


def what_failed_before_a_pause_is_forgotten(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["b1"] = (Outcome.REFUSAL, 80)
    lab.run(7_000)
    assert lab.verdict("a1", "b1") == CONFIRMED
    lab.paused.add("a1")
    lab.answers.clear()
    lab.run(3_980)  # so that it looks around before it hears what came meanwhile
    lab.paused.clear()
    lab.run(40)
    assert "questions" not in " ".join(lab.detectors["a1"].health()["b1"].why)


def questions_that_were_slept_through_say_nothing(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["b1"] = (Outcome.TIME_OUT, limits.PROBE_WAIT_MS)
    for _ in range(4):
        lab.run(200)
        lab.paused.add("a1")
        lab.run(4_000)
        lab.paused.clear()
    lab.run(200)
    assert "questions" not in " ".join(lab.detectors["a1"].health()["b1"].why)


def a_majority_that_was_paused_together_evacuates_nobody(detector):
    lab = lab_of(detector, 1, 1, 1, 1)
    lab.paused.update(("a1", "b1", "c1"))
    lab.run(12_000)
    lab.paused.clear()
    lab.run(6_000)
    assert "d1" not in lab.confirmed()
    all_are(lab, "d1", FINE)


def a_node_that_hears_nobody_is_gone_for_those_whom_it_does_not_hear(detector):
    lab = lab_of(detector, 1, 1, 1, 1)
    others = lab.nodes_of("a", "b", "c")
    lab.part(others, ["d1"])
    lab.answers["d1"] = (Outcome.ANSWER, 80)
    lab.run(3_000)
    all_are(lab, "d1", SUSPECTED)
    lab.run(7_000)
    all_are(lab, "d1", CONFIRMED)
    lab.cut.clear()
    lab.run(6_000)
    all_are(lab, "d1", FINE)


def a_link_that_is_cut_one_way_is_seen_from_both_ends_and_ends(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.part(["a1"], ["b1"])
    lab.run(2_800)
    assert (lab.verdict("a1", "b1"), lab.verdict("b1", "a1")) == (SUSPECTED, SUSPECTED)
    assert lab.verdict("c1", "a1") == FINE
    lab.cut.clear()
    lab.run(6_000)
    assert (lab.verdict("a1", "b1"), lab.verdict("b1", "a1")) == (FINE, FINE)


def only_errors_are_suspected_soon_and_confirmed_later(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["c1"] = (Outcome.REFUSAL, 80)
    lab.run(2_500)
    all_are(lab, "c1", SUSPECTED)
    lab.run(7_000)
    all_are(lab, "c1", CONFIRMED)


def who_is_too_busy_and_says_so_is_not_evacuated(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.detectors["c1"].step(OwnState(load=1.4), lab.now_ms)
    lab.answers["c1"] = (Outcome.TIME_OUT, limits.PROBE_WAIT_MS)
    lab.run(15_000)
    all_are(lab, "c1", SUSPECTED)
    assert not lab.confirmed()


def who_hangs_and_says_nothing_of_it_is_gone(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["c1"] = (Outcome.TIME_OUT, limits.PROBE_WAIT_MS)
    lab.run(15_000)
    all_are(lab, "c1", CONFIRMED)


def who_answers_no_question_is_suspected_before_the_question_is_given_up(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["c1"] = (Outcome.TIME_OUT, limits.PROBE_WAIT_MS)
    lab.run(4_500)
    all_are(lab, "c1", SUSPECTED)


def who_answers_questions_is_there_though_heartbeats_are_lost(detector):
    lab = lab_of(detector, 1, 1, 1)
    for node in ("a1", "b1"):
        lab.loss[node, "c1"] = 1.0
    lab.run(12_000)
    all_are(lab, "c1", SUSPECTED)
    assert not lab.confirmed()


def a_heartbeat_that_was_long_on_its_way_is_no_sign_of_life_of_now(detector):
    lab = lab_of(detector, 1, 1, 1)
    for node in ("a1", "b1"):
        lab.delay_ms["c1", node] = 5_000
    lab.run(600)
    lab.kill("c1")
    lab.run(8_000)
    all_are(lab, "c1", CONFIRMED)


def an_answer_that_was_long_on_its_way_keeps_nobody_alive(detector, before_ms=6_000):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["c1"] = (Outcome.ANSWER, 4_900)
    lab.run(before_ms)
    lab.kill("c1")
    lab.run(8_700)
    all_are(lab, "c1", CONFIRMED)


def a_very_slow_node_is_suspected_and_never_gone(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["c1"] = (Outcome.ANSWER, 4_000)
    lab.run(25_000)
    all_are(lab, "c1", SUSPECTED)
    assert not lab.confirmed()


def a_slow_node_is_suspected_and_never_gone(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.answers["c1"] = (Outcome.ANSWER, 900)
    lab.run(9_000)
    all_are(lab, "c1", SUSPECTED)
    assert not lab.confirmed()


def a_node_that_does_not_serve_is_suspected_at_once_and_not_evacuated(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.detectors["c1"].step(OwnState(readiness=Readiness.NOT_READY), lab.now_ms)
    lab.answers["c1"] = (Outcome.REFUSAL, 80)
    lab.run(800)
    all_are(lab, "c1", SUSPECTED)
    lab.run(9_000)
    all_are(lab, "c1", SUSPECTED)
    lab.detectors["c1"].step(OwnState(), lab.now_ms)
    lab.answers.clear()
    lab.run(4_000)
    all_are(lab, "c1", FINE)


def who_is_being_emptied_is_fine(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.detectors["c1"].step(OwnState(draining=True), lab.now_ms)
    lab.run(1_000)
    lab.answers["c1"] = (Outcome.REFUSAL, 80)
    lab.run(9_000)
    all_are(lab, "c1", FINE)
    assert lab.detectors["a1"].health()["c1"].draining


def a_link_that_loses_a_third_is_learned(detector):
    lab = lab_of(detector, 1, 1, seed=3)
    lab.loss["b1", "a1"] = 0.3
    lab.run(120_000)
    learned = len(lab.history)
    lab.run(60_000)
    assert len(lab.history) - learned <= 6
    assert not lab.confirmed()


def what_comes_late_of_a_life_that_is_over_counts_for_nothing(detector):
    lab = lab_of(detector, 1, 1, 1)
    lab.run(10_000)
    old = heartbeats(lab, "c1")[-40:]
    lab.restart("c1")
    lab.run(2_000)
    lab.kill("c1")
    since_ms = lab.now_ms
    for body in old:
        for node in ("a1", "b1"):
            lab.send("c1", node, body)
        lab.run(250)
    assert lab.verdict("a1", "c1") == CONFIRMED
    assert max(lab.first_ms(since_ms, "c1", SUSPECTED).values()) <= 2_000


def who_hears_an_old_life_after_the_new_one_finds_back(detector):
    lab = lab_of(detector, 1, 1, 1)
    old = last_heartbeat(lab, "c1")
    lab.restart("c1")
    lab.restart("a1")  # knows nothing of the life that is over, nor does anything of it come
    lab.sent.clear()
    lab.run(2_000)
    lab.send("c1", "a1", old)
    lab.run(9_000)
    all_are(lab, "c1", FINE)


def a_heartbeat_that_comes_twice_is_no_sign_of_life(detector):
    lab = lab_of(detector, 1, 1, 1)
    last = last_heartbeat(lab, "c1")
    lab.kill("c1")
    for _ in range(13):
        for node in ("a1", "b1"):
            lab.send("c1", node, last)
        lab.run(500)
    all_are(lab, "c1", CONFIRMED)


def who_was_removed_is_not_heard(detector):
    lab = lab_of(detector, 1, 1, 1, 1)
    last = last_heartbeat(lab, "d1")
    lab.kill("d1")
    del lab.regions["d1"]
    for node in ("a1", "b1", "c1"):
        lab.detectors[node].step(MembersChanged(lab.regions), lab.now_ms)
        effects = lab.detectors[node].step(HeartbeatCame("d1", last), lab.now_ms)
        assert [type(effect) for effect in effects] == [Refused]
        assert effects[0].why == "its sender is no other member of the world"
        assert "d1" not in lab.detectors[node].health()
    lab.run(3_000)
    all_are(lab, "a1", FINE)


def who_was_removed_and_returns_begins_anew(detector):
    lab = lab_of(detector, 1, 1, 1)
    everybody = dict(lab.regions)
    lab.kill("c1")
    lab.run(8_000)
    left = {node: region for node, region in everybody.items() if node != "c1"}
    for regions in (left, everybody):
        for node in ("a1", "b1"):
            lab.detectors[node].step(MembersChanged(regions), lab.now_ms)
            lab.detectors[node].check_invariants()
    lab.regions = everybody
    assert lab.verdict("a1", "c1") == FINE
    lab.restart("c1")
    lab.run(4_000)
    all_are(lab, "c1", FINE)


def what_is_known_stays_when_somebody_joins(detector):
    lab = lab_of(detector, 1, 1, 1, 1)
    lab.kill("d1")
    lab.run(8_000)
    # Its name comes first, so that everybody has another number.
    lab.regions = {"a0": "a", **lab.regions}
    for node in ("a1", "b1", "c1"):
        lab.detectors[node].step(MembersChanged(lab.regions), lab.now_ms)
    lab.lives["a0"] = 1
    lab.start("a0")
    assert {lab.verdict(node, "d1") for node in ("a1", "b1", "c1")} == {CONFIRMED}
    assert lab.verdict("a1", "b1") == FINE
    lab.run(6_000)
    all_are(lab, "d1", CONFIRMED)
    all_are(lab, "a0", FINE)


def heartbeats(lab, sender):
    return [
        effect.body
        for node, effect in lab.effects
        if node == sender and isinstance(effect, SendHeartbeat)
    ]


def last_heartbeat(lab, sender):
    return heartbeats(lab, sender)[-1]


def told_in(names):
    """Return the stories among the names of a module: its own functions that take a detector first."""
    return [
        one
        for one in names.values()
        if getattr(one, "__module__", "") == names["__name__"]
        and getattr(one, "__code__", None)
        and one.__code__.co_varnames[:1] == ("detector",)
    ]


STORIES = [story for story in told_in(globals()) if story is not lab_of]
