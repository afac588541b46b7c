"""What tests of the harness meet: an endpoint, a shop, and the stand-in mail site with a browser that may visit it."""

from collections.abc import Iterator

import pytest
from harness_runs import Endpoint
from local_servers import running
from playwright.sync_api import Browser, sync_playwright
from real_site import Shop

from harness.envs.browser import launch
from harness.sites.serve import LocalSites


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


@pytest.fixture(scope="module")
def gomail() -> Iterator[str]:
    with LocalSites(["gomail"]) as sites:
        yield sites.url("gomail")


@pytest.fixture(scope="module")
def gomail_browser(gomail: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = launch(playwright, headless=True, addresses=[gomail.removeprefix("http://").rstrip("/")])
        yield found
        found.close()
