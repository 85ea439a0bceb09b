"""Erasures of a running node: they count when it says yes, and nothing is left when the certificate says so."""

import asyncio
import json
import shutil

import pytest

from homeroom.adapters.erasure_register import NOTE_FILE, ErasureRegister
from homeroom.adapters.erasure_reports import REPORT_FILE
from homeroom.corrections import correct_directory, join
from homeroom.errors import ControlError, DataDirectoryError, ErasureError, InputError
from homeroom.log.certificates import Place
from homeroom.log.control import TenantPut
from homeroom.running.erasing_directory import (
    apply_register,
    certificates_of_directory,
    erase_in_directory,
)
from homeroom.running.stating import change_directory, control_of_directory
from tests.running.erasures import (
    ADA,
    BOB,
    HOME,
    OPEN_ALWAYS,
    OWN_TEXTS,
    erase,
    erased,
    erasing,
    events_of,
    fill,
    keys_text,
    open_places,
    person,
    record,
    register_of,
    run,
    statement,
)
from tests.running.nodes import batch, event, now_ms, options, question, running


def size(node):
    status = node.status("main")
    assert node.troubles == ()
    return status.learners, status.events


async def folded(node):
    told = await node.offer("main", "key", batch(None, *events_of(BOB, 900, 1)))
    await node.ask("main", question("active"), told.token)


def test_an_erasure_counts_when_it_is_confirmed_and_is_cleaned_afterwards(tmp_path):
    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            before = size(node)
            made = await erase(node, ADA)
            learners, events = size(node)
            assert (before[0] - learners, before[1] - events) == (1, 9)
            (key,) = keys_text(node, [ADA])
            assert made.keys == (key,)
            await node.erasures.settled()
            done = node.erasures.find("main", made.name)
            assert open_places(done) == OPEN_ALWAYS
            assert size(node) == (learners, events)
            again = await erase(node, ADA)
            assert again == done, "whoever asks again gets the same certificate"
            return size(node), made.name

    said, name = run(work())

    async def later():
        async with erasing(tmp_path) as node:
            assert size(node) == said
            done = node.erasures.find("main", name)
            assert open_places(done) == OPEN_ALWAYS
            with pytest.raises(ControlError, match="there is no erasure"):
                node.erasures.find("other", name)

    run(later())


def test_what_comes_late_is_cut_whoever_sends_it_and_nobody_hears_of_it(tmp_path):
    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            await erased(node, ADA)
            before = size(node)
            told = await node.offer("main", "key", batch("late", *events_of(ADA, 300, 4)))
            assert b'"accepted":4' in told.answer.replace(b" ", b"")
            await folded(node)
            assert size(node) == (before[0], before[1] + 1)
            assert node.status("main").cut_events == 4
            answer = await record(node, "POST", "statements", json=statement(ADA, 77))
            assert answer.status_code == 403
            await folded(node)
            assert size(node)[0] == before[0]
            return node.erasures.certificates("main")

    assert len(run(work())) == 1


def test_the_record_store_shows_nothing_of_who_is_erased(tmp_path):
    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            mine, others = [
                await record(
                    node, "GET", "statements", params={"statementId": statement(a, n)["id"]}
                )
                for a, n in ((ADA, 1), (BOB, 3))
            ]
            assert "ada-account" in mine.text
            assert "ada-account" in others.text
            await erased(node, ADA)
            mine, others = [
                await record(
                    node, "GET", "statements", params={"statementId": statement(a, n)["id"]}
                )
                for a, n in ((ADA, 1), (BOB, 3))
            ]
            assert mine.status_code == 404
            assert others.status_code == 200
            assert "bob-account" in others.text
            assert "ada-account" not in others.text
            again = await record(node, "POST", "statements", json=statement(BOB, 1))
            assert again.status_code == 409, "its id is not given again"
            agent = json.dumps(person(ADA))
            for path, params in (
                ("agents/profile", {"agent": agent, "profileId": "p"}),
                ("agents", {"agent": agent}),
                ("statements", {"agent": agent}),
            ):
                found = await record(node, "GET", path, params=params)
                assert "ada-document" not in found.text
                assert "Lovelace" not in found.text

    run(work())


def test_a_vault_that_was_lost_has_nothing_of_who_is_erased(tmp_path):
    async def first():
        async with erasing(tmp_path) as node:
            await fill(node)
            await erased(node, ADA)

    run(first())
    for file in (tmp_path / "data").glob("documents.db*"):
        file.unlink()

    async def second():
        async with erasing(tmp_path) as node:
            mine = await record(
                node, "GET", "statements", params={"statementId": statement(ADA, 1)["id"]}
            )
            others = await record(
                node, "GET", "statements", params={"statementId": statement(BOB, 3)["id"]}
            )
            assert (mine.status_code, others.status_code) == (404, 200)
            assert "ada-account" not in others.text
            answer = await record(node, "POST", "statements", json=statement(ADA, 78))
            assert "ada-account" not in answer.text
            found = await record(node, "GET", "statements", params={"ascending": "true"})
            assert "ada-account" not in found.text

    run(second())


def test_all_accounts_that_are_merged_with_one_go_with_it(tmp_path):
    async def before():
        async with erasing(tmp_path) as node:
            await fill(node)
            return [int(key, 16) for key in keys_text(node, [ADA, BOB])], size(node)

    keys, (learners, _) = run(before())
    correct_directory(tmp_path / "data", lambda state: join(state, [tuple(keys)]))

    async def after():
        async with erasing(tmp_path) as node:
            assert size(node)[0] == learners - 1
            made = await erased(node, BOB)
            assert set(made.keys) == {f"{key:032x}" for key in keys}
            assert size(node)[0] == learners - 2
            assert open_places(made) == OPEN_ALWAYS

    run(after())
    files = (tmp_path / "data" / "state").glob("*.*")
    written = b"".join(file.read_bytes() for file in files)
    assert not [text for text in OWN_TEXTS if text.encode() in written]


def test_nobody_is_erased_without_a_register_or_under_a_wrong_name(tmp_path):
    async def work():
        async with running(tmp_path / "data") as node:
            await fill(node)
            with pytest.raises(ControlError, match=r"node\.erasure_register"):
                await erase(node, ADA)
        async with erasing(tmp_path) as node:
            for wrong in ("ada", "0" * 31, ("", "")):
                with pytest.raises(InputError, match="learner 1"):
                    node.erasures.raw_keys("main", [wrong])
            with pytest.raises(ControlError, match="there is no tenant 'other'"):
                await node.erasures.erase("other", [1], "a test")
            with pytest.raises(ControlError, match="0 raw keys would be erased"):
                await node.erasures.erase("main", [], "a test")
            assert node.erasures.certificates(None) == []

    run(work())


def test_a_node_that_had_a_register_does_not_serve_without_it(tmp_path):
    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            await erase(node, ADA)

    run(work())
    path, register = tmp_path / "data", register_of(tmp_path)

    def refused(match, **fields):
        with pytest.raises(ErasureError, match=match):
            asyncio.run(opened(path, **fields))

    async def opened(path, **fields):
        async with running(path, **fields):
            raise AssertionError("it must not start")

    refused("and none is named")
    refused("is missing", erasure_register=tmp_path / "elsewhere")
    refused("lies within", erasure_register=path / "register")
    (tmp_path / "another").mkdir()
    other = ErasureRegister(tmp_path / "other", tmp_path / "another")
    other.close()
    refused("is not the register", erasure_register=tmp_path / "other")
    whole = register.read_bytes()
    register.write_bytes(whole[: whole.index(b"\n") + 1])
    refused("lacks lines that it had", erasure_register=register)
    register.write_bytes(whole.replace(b"main", b"niam"))
    refused("is not what was written", erasure_register=register)
    register.write_bytes(whole + b'{"number":')  # the torn end of what nobody heard yes to

    async def again():
        async with erasing(tmp_path) as node:
            assert len(node.erasures.certificates("main")) == 1

    run(again())
    assert register.read_bytes() == whole


def test_a_directory_of_before_the_erasure_knows_of_it_before_it_answers(tmp_path):
    async def before():
        async with erasing(tmp_path) as node:
            await fill(node)
            return size(node)

    learners, events = run(before())
    shutil.copytree(tmp_path / "data", tmp_path / "copy")

    async def erase_one():
        async with erasing(tmp_path) as node:
            return await erased(node, ADA)

    made = run(erase_one())
    assert open_places(made) == OPEN_ALWAYS
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "copy").rename(tmp_path / "data")
    (tmp_path / "data" / REPORT_FILE).unlink()  # no backup has it

    async def after():
        async with erasing(tmp_path) as node:
            assert size(node) == (learners - 1, events - 9)
            await node.erasures.settled()
            (again,) = node.erasures.certificates("main")
            assert again.name == made.name
            assert open_places(again) == OPEN_ALWAYS

    run(after())


def test_a_restored_directory_is_not_opened_before_its_register_was_read(tmp_path):
    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            await erase(node, ADA)

    run(work())
    path = tmp_path / "data"
    assert (path / NOTE_FILE).exists()
    (path / REPORT_FILE).unlink()
    with pytest.raises(DataDirectoryError, match="may hold people who were erased"):
        correct_directory(path, lambda state: None)
    given = options(erasure_register=register_of(tmp_path))
    assert apply_register(path, given) == 1
    correct_directory(path, lambda state: None)


def test_erasures_are_asked_of_a_directory_with_and_without_a_node(tmp_path):
    path, given = tmp_path / "data", options(erasure_register=register_of(tmp_path))

    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            made = await asyncio.to_thread(erase_in_directory, path, "main", [ADA], given)
            listed = await asyncio.to_thread(certificates_of_directory, path, "main", given)
            assert [one.name for one in listed] == [made.name]
            return made

    first = run(work())
    second = erase_in_directory(path, "main", [BOB, first.keys[0]], given)
    assert open_places(second) == OPEN_ALWAYS
    assert len(second.keys) == 2
    assert [one.name for one in certificates_of_directory(path, "main", given)] == [
        first.name,
        second.name,
    ]
    audit = (path / "audit.ndjson").read_text()
    assert audit.count('"what":"erasure"') == 1, "the node that ran was asked without an interface"
    assert "account" not in audit


def test_a_place_that_cannot_be_cleaned_says_why_and_is_tried_again(tmp_path, monkeypatch):
    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            store = node._store
            monkeypatch.setattr(store, "scrub", lambda: "the journal is being read")
            made = await erased(node, ADA)
            assert open_places(made) == {Place.LOG, *OPEN_ALWAYS}
            (line,) = [one for one in made.lines if one.place is Place.LOG]
            assert line.note == "the journal is being read"
            monkeypatch.undo()
            await node.erasures.settled()
            assert open_places(node.erasures.find("main", made.name)) == OPEN_ALWAYS

    run(work())


def test_an_erasure_that_is_late_is_told_as_a_trouble(tmp_path):
    clock = [1_800_000_000_000]

    async def work():
        async with erasing(tmp_path, now_ms=lambda: clock[0], backup_days=7) as node:
            await fill(node)
            node.erasures._wiring.store.scrub = lambda: "nobody can"
            made = await erased(node, ADA)
            assert node.troubles == ()
            clock[0] += 31 * 86_400_000
            assert "1 erasures should be done by now and are not (log: nobody can)" in node.troubles
            done = node.erasures.find("main", made.name)
            assert open_places(done) == {Place.LOG}, "backups of before have gone by now"

    run(work())


def test_a_tenant_that_comes_after_its_erasures_never_has_those_people(tmp_path):
    async def before():
        async with erasing(tmp_path) as node:
            await fill(node)
            made = await erase(node, ADA)
            await node.change(TenantPut(name="other"), "a test")
            keys = node.erasures.raw_keys("other", [ADA])
            await node.erasures.erase("other", keys, "a test")
            return made

    run(before())
    key = (tmp_path / "data" / "pseudonym.key").read_bytes()
    shutil.rmtree(tmp_path / "data")  # all is lost but the register and the key
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "pseudonym.key").write_bytes(key)
    (tmp_path / "data" / "pseudonym.key").chmod(0o600)

    async def after():
        async with erasing(tmp_path) as node:
            await node.offer("main", "key", batch("again", *events_of(ADA, 100, 5)))
            refused = await record(node, "POST", "statements", json=statement(ADA, 1))
            assert refused.status_code == 403
            await folded(node)
            assert size(node) == (1, 1)
            assert node.status("main").cut_events == 5
            await node.erasures.settled()
            found = node.erasures.certificates(None)
            assert [open_places(one) for one in found] == [OPEN_ALWAYS] * 2

    run(after())


def test_the_same_person_may_come_again_as_a_new_one(tmp_path):
    clock = [1_710_000_000_000]  # in the days of the events: 2024-03-09T16:00:00Z

    async def work():
        async with erasing(tmp_path, now_ms=lambda: clock[0]) as node:
            await fill(node)
            first = await erased(node, ADA)
            learners, events = size(node)
            await node.change(node.erasures.readmission("main", first.name), "a test")
            again = [event(n, account=ADA[1], issuer=HOME) for n in range(300, 320)]
            await node.offer("main", "key", batch("again", *again))
            later = sum(one["time"] > "2024-03-09T16" for one in again)
            await folded(node)
            assert 0 < later < 20
            assert size(node) == (learners + 1, events + later + 1)
            answer = await record(node, "POST", "statements", json=statement(ADA, 90))
            assert answer.status_code == 200, "as a new person"
            (key,) = keys_text(node, [ADA])
            assert key != first.keys[0]
            second = await erased(node, ADA)
            assert second.keys == (key,)
            assert size(node) == (learners, events + 1)
            shown = {"statementId": statement(ADA, 90)["id"]}
            assert (await record(node, "GET", "statements", params=shown)).status_code == 404
            return size(node)

    said = run(work())

    async def later():
        async with erasing(tmp_path, now_ms=lambda: clock[0]) as node:
            assert size(node) == said
            assert len(node.control().readmitted["main"]) == 1
            second = node.erasures.certificates("main")[1].name
            await node.change(node.erasures.readmission("main", second), "a test")
            third = event(1, account=ADA[1], issuer=HOME, time="2024-03-15T00:00:00Z")
            told = await node.offer("main", "key", batch("third", third))
            await node.ask("main", question("active"), told.token)
            assert size(node)[0] == said[0] + 1

    run(later())


def test_a_fact_is_stated_to_a_directory_whose_register_is_elsewhere(tmp_path):
    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            await erase(node, ADA)

    run(work())
    change_directory(tmp_path / "data", TenantPut(name="other"), now_ms)
    assert "other" in control_of_directory(tmp_path / "data", now_ms).tenants


def test_an_id_that_only_a_late_event_of_somebody_erased_has_gets_no_label(tmp_path):
    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            await erased(node, ADA)
            labels = node._snapshots.labels("main")
            late = events_of(ADA, 700, 1, activity="late", attributes={"country": "late-country"})
            both = [*late, *events_of(BOB, 710, 1, activity="of Bob")]
            await node.offer("main", "key", batch("late", *both))
            known = [labels.of(labels.hasher.hashed(one)) for one in ("late", "late-country")]
            assert known == [None, None]
            assert labels.of(labels.hasher.hashed("of Bob")) == "of Bob"
            await node.offer(
                "main", "key", batch("later", *events_of(BOB, 720, 1, activity="late"))
            )
            assert labels.of(labels.hasher.hashed("late")) == "late", "somebody else has it too"

    run(work())


def test_a_certificate_waits_for_the_cache_that_is_to_begin(tmp_path):
    """What a Redis has from before a crash is gone only when the cache of the next life has looked."""

    async def work():
        async with erasing(tmp_path, keeps_answers=True) as node:
            await fill(node)
            made = await erase(node, ADA)
            await node.erasures.settled()
            assert open_places(node.erasures.find("main", made.name)) == {
                *OPEN_ALWAYS,
                Place.CACHES,
            }
            forgotten = []

            async def forget(tenant):
                forgotten.append(tenant)
                return True

            node.erasures.forget_answers_with(forget)
            await node.erasures.settled()
            assert open_places(node.erasures.find("main", made.name)) == OPEN_ALWAYS
            assert forgotten == ["main"]

    run(work())
