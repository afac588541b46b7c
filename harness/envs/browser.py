"""Finds and launches a Chromium that can reach only the addresses that it is given."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Error, Playwright

from harness.core.errors import BrowserDown, EnvironmentMissing
from harness.observe.live_page import LISTEN_SCRIPT

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
# A dead proxy for every address but the benchmark's own: a page cannot reach another address, not even by IP address or
# on this machine. No request is intercepted for this, so it costs no time.
ISOLATED = ("--proxy-server=http://127.0.0.1:9", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
ACTION_MS = 5_000
LOAD_MS = 15_000


def find_chromium(bundled: str | None = None) -> str:
    """The path of a Chromium: HALO_CHROMIUM, else Playwright's own download, else one on PATH.

    Raises:
        EnvironmentMissing: No Chromium is found.
    """
    chosen = os.environ.get("HALO_CHROMIUM")
    if chosen:
        if not Path(chosen).is_file():
            raise EnvironmentMissing(f"HALO_CHROMIUM names {chosen}, which is not a file")
        return chosen
    if bundled and Path(bundled).is_file():
        return bundled
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    raise EnvironmentMissing(
        "no Chromium found: run 'playwright install chromium', or install the package 'chromium', "
        "or set HALO_CHROMIUM to the path of one"
    )


def launch(playwright: Playwright, *, headless: bool, addresses: Sequence[str] | None) -> Browser:
    """Start a Chromium.

    Args:
        playwright: Playwright.
        headless: Whether it has no window.
        addresses: The only addresses that it can reach, each `127.0.0.1:port`; None for no restriction.

    Playwright handles no signals here, because the process that owns this one ends the whole tree.
    """
    isolation = () if addresses is None else (*ISOLATED, f"--proxy-bypass-list=<-loopback>;{';'.join(addresses)}")
    try:
        return playwright.chromium.launch(
            executable_path=find_chromium(playwright.chromium.executable_path),
            headless=headless,
            args=[*FLAGS, *isolation],
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
            timeout=30_000,
        )
    except Error as error:
        raise BrowserDown(f"the browser does not start here: {str(error).splitlines()[0]}") from None


def prepare_context(context: BrowserContext) -> None:
    """Set a new context's time limits, and add the script that observing needs."""
    context.set_default_timeout(ACTION_MS)
    context.set_default_navigation_timeout(LOAD_MS)
    context.add_init_script(LISTEN_SCRIPT)
