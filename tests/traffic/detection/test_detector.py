"""A detector tells the dead from the slow, the cut off and the busy, and forgives itself its own pauses."""

import pytest

from homeroom.traffic.detection.detector import Detector
from tests.traffic.detection.stories import STORIES


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.replace("_", "-"))
def test_the_story(story):
    story(Detector)
