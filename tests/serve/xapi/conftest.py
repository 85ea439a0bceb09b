"""One store for the tests of a module: each has its own ids, persons and things in it."""

from collections.abc import Iterator

import pytest

from tests.serve.xapi.store import READ, WRITE, Store, caller


@pytest.fixture(scope="module", params=["vault", "node"])
def module_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("vault"), request.param)
    yield store
    store.close()


@pytest.fixture
def store(module_store: Store) -> Store:
    module_store.caller = caller(READ, WRITE)
    module_store.version = "1.0.3"
    return module_store
