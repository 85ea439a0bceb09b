"""Every byte that a node leaves, before and after an erasure: nothing of the person is found, and was found before.

What is sealed is looked for too, with all keys that lie beside it, and with those that were destroyed: whoever has kept
one must find nothing that it opens.
"""

import datetime as dt
import shutil

import pytest

from homeroom.adapters.backup.backing_up import back_up
from homeroom.adapters.backup.pruning import Keep, prune
from homeroom.adapters.backup.repository import _OBJECTS, make_repository
from homeroom.adapters.backup.sealing import KeyFile
from homeroom.log.cuts import HistoryCut
from homeroom.running.hosting import webhooks_of
from homeroom.serve.settings import Settings
from homeroom.state.zones import day_of_date
from tests.privacy.people import Look, but_what_stays
from tests.running.erasures import ADA, BOB, OWN_TEXTS, erase, erasing, fill, run
from tests.running.nodes import now_ms

DAY = day_of_date(dt.date(2024, 3, 3))


@pytest.fixture(scope="module", params=["no cut", "cut before", "cut after"])
def looks(request, tmp_path_factory):
    """Give what is found of Ada and of Bob: filled, erased, stopped, in backups of before and after.

    History is cut never, before the erasure or after it, at a day that both have events before and after.
    """
    folder = tmp_path_factory.mktemp("erased")
    path, found = folder / "data", {}
    repository = make_repository(str(folder / "repository"), {}, KeyFile(folder / "key"))

    def of_backup(look):
        names = [one.name for one in repository.objects.list(_OBJECTS)]
        return look.found([(f"backup {name}", repository.read(name), b"") for name in names])

    async def cut(node, when):
        if request.param == when:
            await node.change(HistoryCut(tenant="main", day=DAY), "somebody")
            node.saving.save()
            (state,) = (one.state for one in node._live._folding.tenants.values())
            assert state.base is not None

    async def first():
        async with erasing(folder) as node:
            await fill(node)
            await cut(node, "cut before")
            await node.record_copies.make()
            return node.erasures.raw_keys("main", [ADA, BOB])

    keys = run(first())
    ada, bob = Look(path, ADA, keys[0]), Look(path, BOB, keys[1])
    ada.found(ada.folder(path))  # so that all keys are known
    found["hashes"] = ada.hashes
    found["filled"] = ada.found(ada.folder(path))
    back_up(path, repository, now_ms, "0.test")
    found["a backup of before"] = of_backup(ada)

    async def second():
        async with erasing(folder) as node, webhooks_of(path, node, Settings(), now_ms):
            await erase(node, ADA)
            await node.erasures.settled()
            await cut(node, "cut after")
            shutil.copytree(path, folder / "running", ignore=shutil.ignore_patterns("*.sock"))

    run(second())
    found["running"] = ada.found(ada.folder(folder / "running"))
    found["stopped"] = ada.found(ada.folder(path))
    found["Bob"] = bob.found(bob.folder(path))
    back_up(path, repository, now_ms, "0.test")
    found["both backups"] = of_backup(ada)
    prune(repository, Keep(count=1), now_ms)
    found["a backup of after"] = of_backup(ada)
    return found


def test_the_search_finds_a_person_everywhere_before(looks):
    found = looks["filled"]
    assert {one for one in found if one[0] == "text"} != set()
    assert {kind for kind, _, _ in found} == {"text", "raw key", "key", "sealed", "label"}
    places = {place.partition("/")[0] for _, _, place in found}
    assert places >= {"log", "history", "state", "documents.db", "documents.copies"}
    texts = {text for kind, text, _ in found if kind == "text"}
    assert texts >= {one.encode() for one in looks["hashes"]}
    assert texts.isdisjoint(one.encode() for one in OWN_TEXTS), "ids are written as hashes alone"
    assert but_what_stays(looks["a backup of before"]) != set()
    assert but_what_stays(looks["both backups"]) != set(), "older backups hold what they held"


@pytest.mark.parametrize("when", ["running", "stopped", "a backup of after"])
def test_nothing_of_a_person_is_found_after_the_erasure(looks, when):
    assert but_what_stays(looks[when]) == set()


@pytest.mark.parametrize("when", ["running", "stopped"])
def test_raw_keys_stay_where_nobody_may_forget_whom_not_to_let_in(looks, when):
    places = {place for kind, _, place in looks[when] if kind == "raw key"}
    others = {
        place
        for place in places
        if not place.startswith(("log/", "documents.")) and not place.endswith(".past")
    }
    assert others == set()


@pytest.mark.parametrize("when", ["filled", "running", "stopped"])
def test_labels_of_ids_stay_sealed_under_no_key_of_a_person(looks, when):
    labels = {(text, place) for kind, text, place in looks[when] if kind == "label"}
    assert {text for text, _ in labels} == set(OWN_TEXTS)
    assert all(place.startswith(("log/", "documents.")) for _, place in labels)


def test_others_are_still_there(looks):
    assert {kind for kind, _, _ in looks["Bob"]} - {"label"} == {"raw key", "key", "sealed"}
