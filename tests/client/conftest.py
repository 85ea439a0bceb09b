"""A node that all tests of a module share."""

import pytest

from tests.client.served import Served


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Give a running node with a key that opens everything."""
    served = Served(tmp_path_factory.mktemp("node") / "data")
    served.everything = served.key("read", "write", "admin", "persons")
    served.start()
    yield served
    served.stop()
