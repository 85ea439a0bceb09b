"""Orders of operators are a lattice, and what others send of them does no harm."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom import limits
from homeroom.errors import InputError, MessageError
from homeroom.traffic.routing.orders import About, Do, Order, Orders, read_orders, write_orders

some_orders = st.builds(
    Orders,
    st.lists(
        st.builds(
            Order,
            st.sampled_from(About),
            st.sampled_from(["a", "b"]),
            st.sampled_from(Do),
            st.integers(1, 4),
        ),
        max_size=6,
    ),
)


@given(some_orders, some_orders, some_orders)
def test_orders_join_in_any_order_any_number_of_times(a, b, c):
    assert a.joined(b) == b.joined(a)
    assert a.joined(b).joined(c) == a.joined(b.joined(c))
    assert a.joined(a) == a
    assert a.joined(b).joined(b) == a.joined(b)


@given(some_orders)
def test_orders_come_back_from_bytes_as_they_were(orders):
    assert read_orders(write_orders(orders), Orders()) == orders


@given(some_orders, some_orders)
def test_an_order_that_is_given_now_counts_against_all_that_is_known(here, there):
    known = here.joined(there)
    after = known.given(About.NODE, "a", Do.SERVE)
    assert after.joined(there).of(About.NODE, "a").do is Do.SERVE


def test_of_two_given_at_once_the_one_counts_that_takes_more_away():
    one = Orders().given(About.REGION, "a", Do.SERVE)
    other = Orders().given(About.REGION, "a", Do.EVACUATE)
    assert one.joined(other).of(About.REGION, "a").do is Do.EVACUATE


def test_orders_about_what_is_not_there_are_left_out():
    orders = Orders().given(About.NODE, "a", Do.DRAIN).given(About.REGION, "a", Do.DRAIN)
    assert [one.about for one in orders.among([], ["a"])] == [About.REGION]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"no orders",
        msgspec.msgpack.encode([["node", "a", "explode", 1]]),
        msgspec.msgpack.encode([["node", "", "drain", 1]]),
        msgspec.msgpack.encode([["node", "a", "drain", 0]]),
        msgspec.msgpack.encode([["node", "a", "drain", 1]])[:-1],
    ],
)
def test_bytes_that_are_no_orders_are_refused(body):
    with pytest.raises(MessageError):
        read_orders(body, Orders())


def test_nobody_can_have_the_last_word_for_ever():
    far = Orders([Order(About.REGION, "a", Do.EVACUATE, 1 << 52)])
    with pytest.raises(MessageError, match="not taken"):
        read_orders(write_orders(far), Orders())


def test_more_orders_than_there_may_be_are_neither_sent_nor_taken():
    many = [Order(About.NODE, f"n{n}", Do.DRAIN, 1) for n in range(limits.ORDERS_MAX + 1)]
    with pytest.raises(InputError):
        write_orders(Orders(many))
    with pytest.raises(MessageError):
        read_orders(msgspec.msgpack.encode(many), Orders())


def test_all_orders_that_there_may_be_fit_into_a_heartbeat():
    most = [Order(About.NODE, f"{n:0256}", Do.EVACUATE, 1 << 52) for n in range(limits.ORDERS_MAX)]
    assert len(write_orders(Orders(most))) < limits.HEARTBEAT_CARRIED_BYTES_MAX
