"""Records that come together: one yes of the disk for all, and each hears what became of its own."""

import asyncio
import contextlib

import pytest

from homeroom.adapters.audit import Audit, Done, verify_audit
from homeroom.errors import AuditError
from homeroom.limits import AUDIT_RECORD_BYTES_MAX
from homeroom.serve.auditing import Auditing


class Counting(Audit):
    """Counts how often it writes."""

    writes = 0

    def _write(self, line):
        self.writes += 1
        super()._write(line)


def done(number, **about):
    return Done(number, "main", "who", "learner", about)


@pytest.fixture
def audit(tmp_path):
    opened = Counting(tmp_path / "audit.ndjson")
    yield opened
    opened.close()


def all_of(audit, several):
    async def write():
        auditing = Auditing(audit)
        return await asyncio.gather(*map(auditing.write, several), return_exceptions=True)

    return asyncio.run(write())


def test_a_hundred_readers_wait_for_two_writes(audit):
    assert all_of(audit, [done(number) for number in range(100)]) == [None] * 100
    assert audit.writes <= 2
    assert verify_audit(audit.path).records == 100


def test_a_record_that_is_too_long_is_refused_and_the_others_are_written(audit):
    long = done(1, name="x" * AUDIT_RECORD_BYTES_MAX)
    before, refused, after = all_of(audit, [done(0), long, done(2)])
    assert before is after is None
    assert isinstance(refused, AuditError)
    assert verify_audit(audit.path).records == 2


def test_who_goes_away_is_written_down_and_keeps_nobody_waiting(audit):
    async def write():
        auditing = Auditing(audit)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await auditing.write(done(0))
        await auditing.write(done(1))

    asyncio.run(write())
    assert verify_audit(audit.path).records == 2


def test_all_hear_that_nothing_can_be_written(audit):
    audit.close()
    found = all_of(audit, [done(number) for number in range(3)])
    assert [type(one) for one in found] == [AuditError] * 3
