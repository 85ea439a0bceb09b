"""A membership that was written down is read again as it was; what does not fit together is refused."""

import numpy as np
import pytest

from homeroom.cohorts.membership.written import arrays_of, membership_of
from homeroom.errors import DataDirectoryError
from homeroom.state.zones import load_zone
from tests.cohorts.membership.walking import START_MS, Keeping
from tests.state.plain import Fact, batch_of, fresh_state

BERLIN = load_zone("Europe/Berlin")


def kept() -> Keeping:
    keeping = Keeping(fresh_state("Europe/Berlin"))
    keeping.put("a", did="any")
    keeping.put("b", did="verb=wrote")
    facts = [Fact(learner=n, time_ms=START_MS) for n in range(5)]
    keeping.state.fold(batch_of(facts, keeping.state.dictionaries))
    keeping.settle()
    return keeping


def test_what_was_written_is_what_is_read():
    before = kept().membership
    after = membership_of(arrays_of(before), BERLIN, START_MS)
    after.check_invariants()
    assert after.cohorts == before.cohorts
    assert after.day == before.day
    assert after.size(after.cohorts["a"]) == 5
    assert after.changes.next == START_MS * 1_000
    assert not after.is_counted, "all are asked again after a start"


@pytest.mark.parametrize("name", ["about", "words", "key_hi"])
def test_what_does_not_fit_together_is_refused(name):
    arrays = arrays_of(kept().membership)
    for damaged in (
        {**arrays, name: arrays[name][..., :-1]},
        {k: v for k, v in arrays.items() if k != name},
    ):
        with pytest.raises(DataDirectoryError, match="made anew"):
            membership_of(damaged, BERLIN, START_MS)
    with pytest.raises(DataDirectoryError, match="fit together"):
        membership_of(arrays, load_zone("UTC"), START_MS)
    fewer = {**arrays, "words": np.zeros((0, 5), np.uint64)}
    with pytest.raises(DataDirectoryError, match="fit together"):
        membership_of(fewer, BERLIN, START_MS)
