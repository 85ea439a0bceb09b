"""Entries that are read again: those that are collected meanwhile or redacted, and a store that does not answer."""

from dataclasses import replace

from homeroom.adapters.checking import Checked, Damage, check_entries
from homeroom.errors import StoreError
from homeroom.limits import CHECK_FAULTS_MAX, CHECKED_ENTRIES
from homeroom.log.entries import redacted
from homeroom.log.payloads import pack
from tests.log.chains import HERE, chain, sign, verify


def check(read, numbers):
    steps = list(check_entries(read, HERE, numbers, verify))
    damages = [step.text for step in steps if isinstance(step, Damage)]
    return sum(step.entries for step in steps if isinstance(step, Checked)), damages


def reading(entries):
    return lambda first, count: [one for one in entries if first <= one.number < first + count]


def test_entries_that_are_collected_while_they_are_read_are_no_damage():
    entries = chain(3 * CHECKED_ENTRIES)
    for gone in (1, CHECKED_ENTRIES - 1, CHECKED_ENTRIES, 2 * CHECKED_ENTRIES + 3):
        assert check(reading(entries[gone:]), range(1, len(entries) + 1)) == (
            len(entries) - gone,
            [],
        )


def test_a_store_that_does_not_answer_is_not_asked_for_every_entry():
    asked = []

    def read(first, count):
        asked.append(first)
        raise StoreError("the log does not answer")

    read_entries, damages = check(read, range(1, 1_000_000))
    assert read_entries == 0
    assert len(set(asked)) == CHECK_FAULTS_MAX
    assert "does not answer" in damages[0]
    assert "was not read further" in damages[1]


def test_an_entry_that_was_redacted_is_no_damage_and_its_own_digest_and_signature_are_checked():
    entries = chain(5)
    entries[2] = redacted(entries[2], pack(b"left", None), HERE.node, sign)
    assert check(reading(entries), range(1, 6)) == (5, [])
    whole = entries[2]
    for wrong in (
        replace(whole, payload=pack(b"another", None)),
        replace(whole, redaction=None),
        replace(whole, redaction=replace(whole.redaction, signature=bytes(64))),
        redacted(whole, pack(b"another", None), HERE.node, lambda _digest: bytes(64)),
    ):
        entries[2] = wrong
        _, (damage,) = check(reading(entries), range(1, 6))
        assert f"entry 3 of {HERE}" in damage
