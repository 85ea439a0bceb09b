"""Each deliberate fault of the detector is caught by a story, which the detector of production stands."""

import functools

import pytest

from tests.traffic.detection import past_stories, stories
from tests.traffic.detection.mutants import FAULTS, plain_detector


@functools.cache
def stands(story):
    """Tell the story of the detector as plain Python, without a fault."""
    story(plain_detector())
    return True


@pytest.mark.parametrize("mutant", FAULTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_fault_is_caught(mutant):
    assert stands(mutant.story)
    # Made before: a fault whose text is no longer there fails loudly, and is not taken for one that was caught.
    detector = mutant.detector()
    with pytest.raises(AssertionError):
        mutant.story(detector)


def test_every_story_is_told():
    assert {mutant.story for mutant in FAULTS} <= {*stories.STORIES, *past_stories.STORIES}
    assert len({mutant.name for mutant in FAULTS}) >= 25
