"""Finds and launches a Chromium. Never downloads one, and never lets it reach another machine."""

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

from harness.errors import EnvironmentMissing

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A dead proxy for every address but the benchmark's own: a page cannot call out even by a bare IP address, nor reach
# another service of this machine. No request is intercepted for it, so it costs no time.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--proxy-server=http://127.0.0.1:9",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def find_chromium(bundled: str | None = None) -> str:
    """The path of a Chromium: HALO_CHROMIUM, Playwright's own download, then the usual names on PATH."""
    asked = os.environ.get("HALO_CHROMIUM")
    if asked:
        if not Path(asked).is_file():
            raise EnvironmentMissing(f"HALO_CHROMIUM names {asked}, which is not a file")
        return asked
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


def launch(playwright: Playwright, *, headless: bool, address: str) -> Browser:
    """A running Chromium that reaches only `address` (host:port).

    Signals are left alone: the process that owns this one ends the whole tree.
    """
    return playwright.chromium.launch(
        executable_path=find_chromium(playwright.chromium.executable_path),
        headless=headless,
        args=[*FLAGS, f"--proxy-bypass-list=<-loopback>;{address}"],
        handle_sigint=False,
        handle_sigterm=False,
        handle_sighup=False,
        timeout=30_000,
    )
