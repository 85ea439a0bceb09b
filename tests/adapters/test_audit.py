"""The audit log: durable, chained, and every touch of it shows."""

import json

import pytest

from homeroom.adapters.audit import Audit, Done, verify_audit
from homeroom.errors import AuditError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.ndjson"


def write(path, count=3, first=0):
    audit = Audit(path)
    for number in range(first, first + count):
        audit.record(number, "main", "tutor (abc)", "learner", {"learner": f"{number:032x}"})
    audit.close()


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


def test_records_follow_each_other_over_several_lives(path):
    write(path)
    write(path, first=3)
    found = verify_audit(path)
    assert found.records == 6
    last = json.loads(lines(path)[-1])
    assert (last["digest"], last["number"], last["about"]["learner"]) == (
        found.digest,
        6,
        f"{5:032x}",
    )
    assert path.stat().st_mode & 0o077 == 0


def test_an_empty_log_is_whole(path):
    Audit(path).close()
    assert verify_audit(path).records == 0


@pytest.mark.parametrize(
    "touch",
    [
        lambda found: [found[0].replace(b"learner", b"lurnear"), *found[1:]],
        lambda found: [found[0], *found[2:]],
        lambda found: found[1:],
        lambda found: [found[0], found[0], *found[1:]],
        lambda found: [found[1], found[0], found[2]],
        lambda found: [found[0], b"{}\n", *found[1:]],
        lambda found: [found[0], b" " * 100_000 + b"\n", *found[1:]],
    ],
)
def test_every_touch_shows(path, touch):
    write(path)
    path.write_bytes(b"".join(touch(lines(path))))
    with pytest.raises(AuditError, match=r"changed|taken out|put in|not what was written"):
        verify_audit(path)


def test_a_record_that_was_made_up_anew_breaks_the_chain_after_it(path):
    from homeroom.adapters import audit as module

    write(path)
    found = lines(path)
    record = module._decode(found[0])
    forged = module.msgspec.structs.replace(record, who="nobody").sealed()
    path.write_bytes(module.msgspec.json.encode(forged) + b"\n" + b"".join(found[1:]))
    with pytest.raises(AuditError, match=r"record 2 of .* does not follow"):
        verify_audit(path)


def test_that_the_end_was_cut_off_shows_by_the_digest_that_was_written_down(path):
    write(path)
    known = verify_audit(path).digest
    assert verify_audit(path, known).records == 3
    path.write_bytes(b"".join(lines(path)[:2]))
    assert verify_audit(path).records == 2
    with pytest.raises(AuditError, match="its end was cut off"):
        verify_audit(path, known)


def test_a_torn_end_is_cut_off_at_the_next_start(path):
    write(path)
    path.write_bytes(path.read_bytes() + b'{"number": 4, "at')
    assert verify_audit(path).records == 3
    write(path, count=1, first=3)
    assert verify_audit(path).records == 4


def test_a_damaged_end_is_not_written_after(path):
    write(path)
    path.write_bytes(path.read_bytes().replace(b"tutor", b"tuter"))
    with pytest.raises(AuditError, match="not what was written"):
        Audit(path)


def test_two_processes_do_not_write_to_one_log(path):
    audit = Audit(path)
    with pytest.raises(AuditError, match="another process writes"):
        Audit(path)
    audit.close()
    Audit(path).close()


def test_a_log_that_failed_takes_nothing_more(path):
    audit = Audit(path)
    audit.close()
    with pytest.raises(AuditError, match="takes nothing more"):
        audit.record(0, "main", "x", "y", {})


def test_records_that_come_together_are_written_together(path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", synced.append)
    audit = Audit(path)
    audit.record_all([Done(number, "main", "who", "learner", {}) for number in range(100)])
    audit.close()
    assert len(synced) == 1
    assert verify_audit(path).records == 100


@pytest.mark.parametrize("touch", ["cut", "emptied", "grown", "replaced", "removed"])
def test_a_file_that_somebody_touches_while_it_is_open_takes_nothing_more(path, touch):
    write(path)
    audit, content = Audit(path), path.read_bytes()
    match touch:
        case "cut":
            path.write_bytes(b"".join(lines(path)[:2]))
        case "emptied":
            path.write_bytes(b"")
        case "grown":
            path.write_bytes(content + content)
        case "replaced":
            path.unlink()
            path.write_bytes(content)
        case "removed":
            path.unlink()
    with pytest.raises(AuditError, match="somebody has touched it"):
        audit.record(0, "main", "who", "what", {})
    with pytest.raises(AuditError, match="takes nothing more"):
        audit.record(0, "main", "who", "what", {})
