"""What a client names of what it has written: the last of each node, for a minute, and the last of all."""

from homeroom import limits
from homeroom.client.messages import Request, headers_after
from homeroom.client.written import Written

A1, A2, B1 = "a/0/analytic/1/100", "a/0/analytic/2/200", "b/0/analytic/1/300"
READ = Request("asking", "POST", "/v1/query", reads=True)
WRITE = Request("sending", "POST", "/v1/events")


def written(*tokens, at_ms=0):
    found = Written()
    for token in tokens:
        found.hear(token, at_ms)
    return found


def test_the_last_entry_of_each_origin_is_named_the_last_of_all_first():
    assert written(A1, A2, B1).named(0) == (B1, A2)
    assert written(B1, A2, A1).named(0) == (B1, A2)
    assert written(None).named(0) == ()


def test_after_a_minute_only_the_last_of_all_is_named():
    found = written(A2, B1)
    assert found.named(limits.WRITTEN_MS - 1) == (B1, A2)
    assert found.named(limits.WRITTEN_MS) == (B1,)


def test_who_sets_a_token_names_that_one_alone():
    found = written(A2, B1)
    found.be(A1)
    assert found.named(0) == (A1,)
    found.be(None)
    assert found.named(0) == ()


def test_of_many_origins_those_written_at_last_are_kept():
    tokens = [f"n{n}/0/analytic/1/{n}" for n in range(limits.WRITTEN_MAX + 5)]
    assert written(*tokens).named(0) == tuple(reversed(tokens[5:]))


def test_reads_carry_all_and_others_the_last():
    assert headers_after(READ, (B1, A2)) == {"Homeroom-After": f"{B1}, {A2}"}
    assert headers_after(WRITE, (B1, A2)) == {"Homeroom-After": B1}
    assert headers_after(READ, ()) == {}


def test_no_more_is_named_than_a_node_takes():
    given = ", ".join(f"n/0/analytic/{n}" for n in range(limits.AFTER_MAX - 1))
    named = headers_after(Request("", "", "", {"Homeroom-After": given}, reads=True), (B1, A2))
    assert named["Homeroom-After"] == f"{given}, {B1}"
