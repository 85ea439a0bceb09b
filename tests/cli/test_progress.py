"""The progress bar: seen by a person who waits, by nobody else, and gone when the read is over."""

import io

import pytest

from homeroom.cli.progress import DELAY_S, ReadProgress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


def test_a_quick_read_shows_nothing(clock):
    stream = Terminal()

    with ReadProgress(stream, clock) as progress:
        clock.now += DELAY_S / 2
        progress(10, 100, 5, 0)

    assert stream.getvalue() == ""


def test_a_long_read_shows_bytes_events_rate_and_rejects(clock):
    stream = Terminal()

    with ReadProgress(stream, clock) as progress:
        clock.now += 2
        progress(50_000_000, 100_000_000, 200_000, 3)

    assert "50.0/100.0 MB" in stream.getvalue()
    assert "200,000 events" in stream.getvalue()
    assert "100,000/s" in stream.getvalue()
    assert "3 rejected" in stream.getvalue()


def test_the_bar_of_an_unknown_length_is_drawn_too(clock):
    stream = Terminal()

    with ReadProgress(stream, clock) as progress:
        clock.now += 2
        progress(50_000_000, 0, 200_000, 0)

    assert "200,000 events" in stream.getvalue()
    assert "rejected" not in stream.getvalue()


def test_nothing_is_drawn_into_a_pipe_or_a_log(clock):
    stream = io.StringIO()

    with ReadProgress(stream, clock) as progress:
        clock.now += 2
        progress(50, 100, 5, 0)

    assert stream.getvalue() == ""
    assert progress.seconds == 2


def test_the_bar_goes_away_when_the_read_fails(clock):
    stream = Terminal()

    def fail() -> None:
        with ReadProgress(stream, clock) as progress:
            clock.now += 2
            progress(50, 100, 5, 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert "\x1b[?25h" in stream.getvalue(), "the cursor is shown again"
