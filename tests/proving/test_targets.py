"""Nothing is loaded that is not ours."""

import pytest

from homeroom import limits
from homeroom.errors import ProvingError
from homeroom.proving.targets import check_rate, parse_target


@pytest.mark.parametrize(
    "name",
    ["embedded", "processes", "http://127.0.0.1:8080", "http://[::1]:80", "http://localhost:1"],
)
def test_this_machine_is_ours(name):
    target = parse_target(name, None)
    assert target.is_here
    assert target.is_address == name.startswith("http")
    check_rate(target, 1e9)


@pytest.mark.parametrize(
    ("name", "owned", "said"),
    [
        ("http://10.0.0.7:8080", None, "say --i-own-this-target 10.0.0.7"),
        ("https://example.org", None, "an attack"),
        ("https://example.org", "example.com", "the target is example.org"),
        ("http://localhost.example.org", None, "not this machine"),
        ("http://0.0.0.0:80", None, "not this machine"),
        ("ftp://127.0.0.1", None, "neither embedded nor processes"),
        ("embeded", None, "neither embedded nor processes"),
        ("http://127.0.0.1:99999999", None, "neither embedded"),
        ("http://127.0.0.1@example.org", None, "neither embedded"),
        ("http://[::1", None, "neither embedded"),
    ],
)
def test_what_is_not_said_to_be_ours_is_refused(name, owned, said):
    with pytest.raises(ProvingError, match=said):
        parse_target(name, owned)


def test_even_what_is_ours_elsewhere_takes_no_flood():
    target = parse_target("https://example.org", "example.org")
    assert not target.is_here
    check_rate(target, limits.PROVING_RATE_ELSEWHERE_MAX)
    with pytest.raises(ProvingError, match="must be at most"):
        check_rate(target, limits.PROVING_RATE_ELSEWHERE_MAX + 1)
