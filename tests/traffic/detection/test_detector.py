"""A detector tells the dead from the slow, the cut off and the busy, and forgives itself its own pauses."""

import pytest

from homeroom.traffic.detection.detector import Detector
from tests.traffic.detection import past_stories, stories


@pytest.mark.parametrize(
    "story",
    stories.STORIES + past_stories.STORIES,
    ids=lambda story: story.__name__.replace("_", "-"),
)
def test_the_story(story):
    story(Detector)
