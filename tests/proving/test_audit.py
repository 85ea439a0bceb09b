"""An event that is lost, told twice or made up shows; so does a region that says nothing."""

from homeroom.proving.audit import Ledger, audited

DAYS = {"2025-03-01": 5, "2025-03-02": 3}


def test_regions_that_count_everything_once_are_right():
    audit = audited(DAYS, {"one": (DAYS, 8), "two": (dict(DAYS), 8)})
    assert (audit.events, audit.wrong) == (8, 0)


def test_what_is_lost_is_counted_by_region():
    audit = audited(DAYS, {"one": (DAYS, 8), "two": ({"2025-03-01": 4}, 4)})
    assert audit.lost == {"one": 0, "two": 4}
    assert audit.wrong == 4


def test_a_surplus_on_one_day_does_not_hide_a_loss_on_another():
    audit = audited(DAYS, {"one": ({"2025-03-01": 6, "2025-03-02": 2}, 8)})
    assert (audit.lost["one"], audit.surplus["one"], audit.wrong) == (1, 1, 2)


def test_what_is_counted_twice_shows_in_the_number_of_events():
    assert audited(DAYS, {"one": (DAYS, 10)}).surplus == {"one": 2}


def test_a_region_that_says_nothing_has_lost_all():
    audit = audited(DAYS, {"one": (DAYS, 8), "two": None}, disagreeing=["one"])
    assert audit.wrong == 8
    assert audit.to_json()["unheard"] == ["two"]
    assert audit.to_json()["disagreeing"] == ["one"]


def test_a_ledger_knows_what_was_not_acknowledged():
    ledger = Ledger()
    ledger.send("a", "2025-03-01", 5)
    ledger.send("b", "2025-03-02", 2)
    ledger.send("c", "2025-03-02", 1)
    ledger.acknowledge("a")
    ledger.acknowledge("c")
    assert ledger.unknown() == ["b"]
    assert ledger.events == 8
    assert ledger.by_day(ledger.acknowledged) == {"2025-03-01": 5, "2025-03-02": 1}
    assert ledger.by_day(ledger.sent) == DAYS
