"""Deliveries, one behaviour at a time: the real store below them, every invariant looked at after every step."""

import pytest

from homeroom import limits
from homeroom.hooks.messages import make_delivery
from homeroom.hooks.steps import (
    Bury,
    Changed,
    Load,
    Lose,
    Missed,
    Outcome,
    Result,
    Send,
    Suspend,
    Trim,
    Why,
)
from tests.hooks.worlds import DELIVERED, REFUSED, Driven, change, changes, numbers, subscription


@pytest.fixture
def world(tmp_path):
    made = []

    def make(*subscriptions, **fields):
        made.append(Driven(tmp_path / "deliveries.db", *subscriptions, **fields))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def one(world):
    return world(subscription())


def fail_until_dead(world, limit=1_000):
    """Refuse everything until a dead letter is made."""
    for _ in range(limit):
        effects = []
        for send in list(world.under_way.values()):
            effects += world.answer(send, REFUSED)
        if any(isinstance(effect, Bury) for effect in effects):
            return
        world.later()
    raise AssertionError("nothing was given up")


# --- sending ---------------------------------------------------------------------------------------------------------


def test_a_change_is_sent_at_once_and_is_over_when_it_is_taken(one):
    one.change([1])
    (send,) = one.under_way.values()
    assert numbers([send]) == [[1]]
    assert send.attempt == 1
    one.answer(send)
    assert not one.core.lines["w"].window
    assert one.store.state().lines["w"].tries == ()


def test_what_comes_while_requests_are_under_way_shares_one(one):
    for number in range(1, 5):
        one.change([number])
    one.change([5])
    one.change([6])
    assert numbers(one.under_way.values()) == [[1], [2], [3], [4]], "no more at once"
    assert numbers(one.answer_all())[-1] == [5, 6]


def test_a_request_holds_no_more_changes_than_its_bound(one):
    many = limits.DELIVERY_CHANGES_MAX
    one.change(range(1, 2 * many + 2), learners=[f"l{n}" for n in range(2 * many + 1)])
    assert [len(part) for part in numbers(one.answer_all())] == [many, many, 1]


def test_a_webhook_is_told_of_its_cohorts_alone_and_of_its_tenant_alone(world):
    told = world(subscription(cohorts=frozenset({"early"})), subscription("other", "second"))
    told.change([1, 2], cohort="late")
    assert not told.under_way
    told.change([3], cohort="early")
    assert numbers(told.answer_all()) == [[3]]


def test_a_webhook_is_told_of_what_comes_after_it_was_created(one):
    one.change([1])
    one.answer_all()
    one.put(subscription("new"))
    one.change([2])
    assert {(s.delivery.webhook, s.delivery.changes[0].number) for s in one.answer_all()} == {
        ("w", 2),
        ("new", 2),
    }


def test_changes_that_are_there_already_change_nothing(one):
    one.change([1, 2])
    one.answer_all()
    assert one.step(Changed("main", 0, changes([1, 2]))) == []
    one.step(Changed("main", 0, changes([1, 2, 3])))
    assert numbers(one.answer_all()) == [[3]]


def test_changes_after_a_gap_are_not_taken(one):
    assert one.step(Changed("main", 5, changes([6]))) == []
    assert one.core.taken("main") == 0


# --- order -----------------------------------------------------------------------------------------------------------


def test_a_learners_changes_wait_for_the_earlier_ones_and_nobody_elses_do(one):
    one.change([1], learners="a")
    one.change([2], learners="a")
    one.change([3], learners="b")
    assert numbers(one.under_way.values()) == [[1], [3]]
    first = next(iter(one.under_way.values()))
    one.answer(first)
    assert numbers(one.under_way.values()) == [[3], [2]]


def test_a_delivery_that_is_refused_holds_up_its_own_learners_only(one):
    one.change([1], learners="a")
    (poison,) = one.under_way.values()
    one.answer(poison, REFUSED)
    one.change([2, 3], learners="ab")  # 2 is about a again, 3 about b
    sent = []
    for _ in range(6):
        while not one.under_way:
            one.later()
        (send,) = one.under_way.values()
        sent.append(send)
        one.answer(send, REFUSED if send.delivery == poison.delivery else DELIVERED)
    assert [3] in numbers(sent)
    assert [2] not in numbers(sent)


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_refused_delivery_is_tried_again_under_the_same_id_after_growing_waits(one):
    one.change([1])
    waits, ids = [], set()
    for _ in range(5):
        (send,) = one.under_way.values()
        ids.add(send.delivery.id)
        one.answer(send, REFUSED)
        waits.append(one.core.wake_ms(one.now_ms) - one.now_ms)
        one.later()
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000]
    assert len(ids) == 1
    assert next(iter(one.under_way.values())).attempt == 6


def test_chance_takes_at_most_half_of_a_wait(world):
    for draw, wait_ms in ((lambda: 0.0, 500), (lambda: 1.0, 1_000)):
        told = world(subscription(f"w{wait_ms}"), draw=draw)
        told.change([told.core.taken("main") + 1])
        told.answer_once(REFUSED)
        assert told.core.wake_ms(told.now_ms) - told.now_ms == wait_ms
        told.close()


def test_a_target_that_is_down_gets_one_request_at_a_time(one):
    for number in range(1, 5):
        one.change([number])
    one.answer_once(REFUSED)
    assert one.core.lines["w"].failures == 1, "what failed together is one failure"
    one.later()
    assert len(one.under_way) == 1
    one.answer_once(DELIVERED)
    assert len(one.under_way) == 3, "after a success it is at full speed"


def test_a_target_that_is_down_delays_no_other(world):
    told = world(subscription("down"), subscription("up"))
    for number in range(1, 60):
        told.change([number])
        for send in list(told.under_way.values()):
            told.answer(send, REFUSED if send.delivery.webhook == "down" else DELIVERED)
    up = [s.delivery.changes for s in told.attempts if s.delivery.webhook == "up"]
    assert [c.number for part in up for c in part] == list(range(1, 60))
    assert len(told.core.lines["down"].window) == 1, "what waits for it waits on the disk"
    for _ in range(100):
        told.later()
        told.answer_all(REFUSED)
    assert len(told.core.lines["down"].window) < limits.DELIVERIES_OPEN_MAX


def test_a_target_may_ask_to_be_left_alone_for_longer_up_to_a_bound(one):
    one.change([1])
    one.answer_once(Outcome(Result.REFUSED, "answered 429", wait_ms=60_000))
    assert one.core.wake_ms(one.now_ms) - one.now_ms == 60_000
    one.later()
    one.answer_once(Outcome(Result.REFUSED, "answered 429", wait_ms=10**12))
    assert one.core.wake_ms(one.now_ms) - one.now_ms == limits.BACKOFF_MS_MAX


def test_a_clock_that_is_set_back_holds_nothing_up(one):
    one.change([1])
    one.answer_once(REFUSED)
    one.later(-86_400_000)
    assert len(one.under_way) == 1


def test_the_attempts_of_a_delivery_are_bounded_and_it_stays_as_a_dead_letter(one):
    one.change([1])
    started_ms = one.now_ms
    fail_until_dead(one)
    (letter,) = one.store.dead_letters("w", 0, 10)
    assert [c.number for c in letter.delivery.changes] == [1]
    assert letter.why == "answered 500"
    assert letter.attempts <= limits.DELIVERY_ATTEMPTS_MAX
    assert letter.given_up_ms - started_ms >= limits.DELIVERY_AGE_MS_MAX
    assert one.core.lines["w"].dead == 1


def test_after_a_dead_letter_the_learners_later_changes_go_out(one):
    one.change([1], learners="a")
    one.change([2], learners="a")
    fail_until_dead(one)
    one.later()
    assert numbers(one.answer_all()) == [[2]]


def test_a_target_that_is_gone_is_told_nothing_until_somebody_resumes_it(one):
    one.change([1])
    effects = one.answer(
        next(iter(one.under_way.values())), Outcome(Result.GONE, "answered 410 Gone")
    )
    assert Suspend("w", 0, "answered 410 Gone") in effects
    one.later(10 * limits.BACKOFF_MS_MAX)
    one.crash()
    assert not one.under_way
    assert one.core.lines["w"].suspended == (0, "answered 410 Gone")
    one.put(subscription(turn=1))
    assert numbers(one.answer_all()) == [[1]]
    one.crash()
    assert one.core.lines["w"].suspended is None


# --- paused, deleted -------------------------------------------------------------------------------------------------


def test_while_it_is_paused_changes_wait(one):
    one.put(subscription(is_paused=True, turn=1))
    one.change([1, 2])
    assert not one.under_way
    assert one.core.wake_ms(one.now_ms) is None
    one.put(subscription(turn=2))
    assert numbers(one.answer_all()) == [[1, 2]]


def test_resuming_ends_all_waits(one):
    one.change([1])
    one.answer_once(REFUSED)
    one.put(subscription(turn=1))
    assert len(one.under_way) == 1


def test_of_a_webhook_that_is_deleted_nothing_stays(one):
    one.change([1])
    one.change([2], learners="a")
    late = next(iter(one.under_way.values()))
    one.drop("w")
    one.under_way.clear()
    one.under_way[late.delivery.webhook, late.delivery.id] = late
    one.answer(late)  # an answer that comes late is nobody's
    one.crash()
    assert one.store.state().lines == {}
    assert one.store._connection.execute("SELECT count(*) FROM deliveries").fetchone() == (0,)
    assert one.store._connection.execute("SELECT count(*) FROM changes").fetchone() == (0,)


# --- dead letters again ----------------------------------------------------------------------------------------------


def bury(world, count):
    """Make dead letters, each of one change."""
    for number in range(1, count + 1):
        world.change([number])
        fail_until_dead(world)
        world.now_ms += limits.BACKOFF_MS_MAX + 1


def test_dead_letters_are_sent_again_when_somebody_asks(one):
    bury(one, 3)
    ids = [letter.delivery.id for letter in one.store.dead_letters("w", 0, 10)]
    one.replay("w", ids[1])
    (send,) = one.answer_all()
    assert (send.delivery.id, send.attempt) == (ids[1], 1)
    one.replay("w")
    assert {send.delivery.id for send in one.answer_all()} == {ids[0], ids[2]}
    assert one.store.dead_letters("w", 0, 10) == []
    assert one.core.lines["w"].dead == 0


def test_dead_letters_that_are_wanted_again_survive_a_crash(one):
    bury(one, 3)
    one.put(subscription(is_paused=True, turn=1))
    one.replay("w")
    one.crash()
    assert [letter.is_wanted for letter in one.store.dead_letters("w", 0, 10)] == [True] * 3
    one.put(subscription(turn=2))
    assert sorted(numbers(one.answer_all())) == [[1], [2], [3]]


def test_dead_letters_and_news_take_turns(one):
    bury(one, 6)
    one.put(subscription(is_paused=True, turn=1))
    one.change([7])
    one.change([8])
    one.replay("w")
    one.put(subscription(turn=2))
    first = numbers(one.under_way.values())
    assert [7, 8] in first
    assert len(first) == limits.DELIVERIES_UNDER_WAY_MAX


def test_wanting_what_is_not_there_changes_nothing(one):
    bury(one, 1)
    one.replay("w", "msg_unknown")
    assert not one.under_way
    assert one.core.lines["w"].again == 0
    assert len(one.store.dead_letters("w", 0, 10)) == 1


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_dead_letters_that_are_dropped_leave_their_numbers_and_count_no_more(one):
    bury(one, 3)
    first, second, third = one.store.dead_letters("w", 0, 10)
    one.drop_dead("w", second.delivery.id, "msg_of_nobody")
    assert one.store.dead_letters("w", 0, 10) == [first, third]
    assert one.core.lines["w"].dead == 2
    [lost] = one.store.lost("w")
    assert lost.why is Why.DROPPED
    assert {lost.first, lost.last} == {change.number for change in second.delivery.changes}
    one.drop_dead()
    assert one.store.dead_letters("w", 0, 10) == []
    one.crash()
    assert one.core.lines["w"].dead == 0


def test_a_dead_letter_that_is_wanted_again_is_not_dropped(one):
    bury(one, 2)
    one.put(subscription(is_paused=True, turn=1))
    first, _ = one.store.dead_letters("w", 0, 10)
    one.replay("w", first.delivery.id)
    one.drop_dead()
    assert [letter.delivery for letter in one.store.dead_letters("w", 0, 10)] == [first.delivery]
    one.put(subscription(turn=2))
    assert [send.delivery.id for send in one.answer_all()] == [first.delivery.id]
    assert one.core.lines["w"].dead == 0


def test_of_too_many_dead_letters_the_oldest_leave_their_numbers(one, monkeypatch):
    monkeypatch.setattr(limits, "DEAD_LETTERS_MAX", 2)
    bury(one, 4)
    letters = one.store.dead_letters("w", 0, 10)
    assert [letter.delivery.changes[0].number for letter in letters] == [3, 4]
    (lost,) = one.store.lost("w")
    assert (lost.why, lost.first, lost.last) == (Why.DEAD_TOO_LONG, 1, 2)


def test_whoever_is_too_far_behind_loses_the_oldest_and_it_is_told(world, monkeypatch):
    monkeypatch.setattr(limits, "WEBHOOK_KEPT_MAX", 50)
    monkeypatch.setattr(limits, "WEBHOOK_MEASURED", 1)
    told = world(subscription("slow", is_paused=True), subscription("up"))
    effects = []
    for number in range(1, 101):
        effects += told.change([number])
        told.answer_all()
    lost = [effect for effect in effects if isinstance(effect, Lose)]
    assert {effect.webhook for effect in lost} == {"slow"}
    assert [(one.why, one.first, one.last) for one in told.store.lost("slow")] == [
        (Why.BEHIND, 1, 50)
    ]
    told.put(subscription("slow", turn=1))
    seen = [n for part in numbers(told.answer_all(webhook="slow")) for n in part]
    assert sorted(seen) == list(range(51, 101))


def test_a_look_up_that_comes_too_late_is_asked_again(world, monkeypatch):
    monkeypatch.setattr(limits, "WEBHOOK_KEPT_MAX", 10)
    monkeypatch.setattr(limits, "WEBHOOK_MEASURED", 1)
    told = world(subscription())
    # The look-up is held back, as a slow disk does.
    effects = told.core.step(Changed("main", 0, changes([1])), told.now_ms)
    (load,) = [effect for effect in effects if isinstance(effect, Load)]
    told.store.write([effect for effect in effects if not isinstance(effect, Load)])
    found = told.store.find(load)
    told.change(range(2, 30))
    told.step(found)
    seen = [n for part in numbers(told.answer_all()) for n in part]
    assert sorted(seen) == list(range(20, 30))
    assert [(one.first, one.last) for one in told.store.lost("w")] == [(1, 19)]


def test_what_nobody_knows_any_more_is_told(one):
    one.change([1])
    one.answer_all()
    one.step(Missed("main", 9))
    assert [(one.why, one.first, one.last) for one in one.store.lost("w")] == [
        (Why.FORGOTTEN, 2, 9)
    ]
    one.change([10])
    assert numbers(one.answer_all()) == [[10]]


def test_before_the_first_change_there_is_nothing_to_lose(one):
    one.step(Missed("main", 9))
    assert one.store.lost("w") == []
    one.change([10])
    assert numbers(one.answer_all()) == [[10]]


def test_what_everybody_has_had_is_forgotten(world):
    told = world(subscription("w"), subscription("late", is_paused=True))
    told.change([1, 2])
    told.answer_all()
    count = "SELECT count(*) FROM changes"
    assert told.store._connection.execute(count).fetchone() == (2,)
    told.put(subscription("late", turn=1))
    told.answer_all()
    assert told.store._connection.execute(count).fetchone() == (0,)


def test_numbers_that_leap_are_no_changes_that_are_kept(world, monkeypatch):
    monkeypatch.setattr(limits, "WEBHOOK_KEPT_MAX", 5)
    monkeypatch.setattr(limits, "WEBHOOK_MEASURED", 1)
    told = world(subscription(cohorts=frozenset({"early"}), is_paused=True))
    told.change([1, 10**12, 10**15])
    assert told.store.lost("w") == []
    told.put(subscription(cohorts=frozenset({"early"}), turn=1))
    assert numbers(told.answer_all()) == [[1, 10**12, 10**15]]


def test_changes_that_nobody_wants_are_not_kept(world):
    told = world(subscription(cohorts=frozenset({"early"})))
    effects = told.change(range(1, 50), cohort="late")
    assert not any(isinstance(effect, Send) for effect in effects)
    assert told.store._connection.execute("SELECT count(*) FROM changes").fetchone() == (0,)
    assert told.core.taken("main") == 49
    assert any(isinstance(effect, Trim) for effect in effects)


def test_cohorts_that_are_rare_are_found_among_many_others(world):
    told = world(subscription(cohorts=frozenset({"rare"})), subscription("all", is_paused=True))
    for start in range(1, 25_000, 10_000):
        told.change(range(start, start + 9_999), cohort="frequent")
        told.change([start + 9_999], cohort="rare")
    assert [n for part in numbers(told.answer_all(webhook="w")) for n in part] == [
        10_000,
        20_000,
        30_000,
    ]


# --- crashes ---------------------------------------------------------------------------------------------------------


def test_after_a_crash_what_was_under_way_goes_out_again_under_its_id(one):
    one.change([1, 2])
    (before,) = one.under_way.values()
    one.crash()
    (after,) = one.under_way.values()
    assert after.delivery == before.delivery


def test_attempts_are_counted_over_crashes(one):
    one.change([1])
    one.answer_once(REFUSED)
    one.crash()
    one.later()
    assert next(iter(one.under_way.values())).attempt == 2


def test_after_a_crash_it_is_known_up_to_where_changes_were_taken(one):
    one.change([1, 2, 7])
    one.crash()
    assert one.core.taken("main") == 7


def test_the_same_number_with_other_content_has_another_id(one):
    ids = {make_delivery(webhook, [change(1, learner)]).id for webhook in "vw" for learner in "ab"}
    assert len(ids) == 4
