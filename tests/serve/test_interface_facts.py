"""A key that a node does not know yet is no key that is none: the client is told to come again, and not to give up."""

import asyncio

import pytest

from homeroom.errors import TenantElsewhereError, TenantLeftOutError
from homeroom.serve.interface import problem_of
from homeroom.serve.settings import Settings
from tests.running.worlds import RunningWorld
from tests.serve.test_acknowledging import Heard


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Ask a node of a world with some authorizations, while it lacks facts or not; return the answers."""

    def run(lacks_facts, *authorizations):
        async def whole():
            async with RunningWorld(tmp_path, "a", "b", monkeypatch=monkeypatch) as world:
                heard = Heard(world, Settings())
                try:
                    await heard.begin()
                    monkeypatch.setattr(world.nodes["b"], "lacks_facts", lambda: lacks_facts)
                    known = f"Bearer {heard.key}"
                    given = [one or known for one in authorizations]
                    return [
                        await heard("b", "GET", "/v1/status", Authorization=one) for one in given
                    ]
                finally:
                    heard.audit.close()

        return asyncio.run(whole())

    return run


KNOWN = None
NOBODYS = "Bearer hr_0"
NOTHING = " "


def test_a_key_that_nobody_knows_is_none(asked):
    assert [one.status_code for one in asked(False, KNOWN, NOBODYS)] == [200, 401]


def test_a_node_that_lacks_facts_does_not_say_of_a_key_that_it_is_none(asked):
    known, nobodys, nothing = asked(True, KNOWN, NOBODYS, NOTHING)
    assert (known.status_code, nothing.status_code) == (200, 401)
    assert (nobodys.status_code, nobodys.headers["retry-after"]) == (503, "1")
    assert nobodys.json()["type"] == "/docs#unavailable"


def test_what_is_asked_of_a_tenant_that_is_not_here_is_told_where_to_ask():
    elsewhere = problem_of(TenantElsewhereError("acme", ("eu-1", "eu-2")))
    assert (elsewhere.status, elsewhere.extra) == (421, {"regions": ["eu-1", "eu-2"]})
    left_out = problem_of(TenantLeftOutError("its key is another one"))
    assert left_out.status == 503
    assert "key" not in left_out.detail
