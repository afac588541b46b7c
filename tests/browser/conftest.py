"""An endpoint for the tests of the harness."""

from collections.abc import Iterator

import pytest
from harness_runs import Endpoint
from local_servers import running
from real_site import Shop


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    with running(server, server.held):
        yield server


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop()
    with running(server, server.released):
        yield server
