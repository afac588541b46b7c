"""Serves stand-in sites on loopback ports, from daemon threads that end with the process."""

import importlib
import socket
import threading
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from halo_common.text import did_you_mean
from harness.core.errors import EnvironmentMissing, UsageError

# The web framework is an optional package: importing this module must not need it.
if TYPE_CHECKING:
    from harness.sites.base.site import Site

HOST = "127.0.0.1"
# A site's mails reach some months back from its day, and its dates some months ahead.
YEARS = (1970, 2100)
# Each has a folder here, whose `site.py` makes it: make_site(today | None) -> Site.
NAMES = ("gomail",)


def _site(name: str, today: date | None) -> "Site":
    if name not in NAMES:
        raise UsageError(f"there is no stand-in site {name!r}; {did_you_mean(name, NAMES)}")
    if today is not None and not YEARS[0] <= today.year <= YEARS[1]:
        raise UsageError(f"a site's day must lie in the years {YEARS[0]} to {YEARS[1]}, not on {today.isoformat()}")
    try:
        found: Site = importlib.import_module(f"harness.sites.{name}.site").make_site(today)
    except ImportError as error:
        raise EnvironmentMissing(
            f"the stand-in sites need the package {error.name!r}; install them with pip install 'halo-opt[sites]'"
        ) from None
    return found


class Served:
    """One site on one port; port 0 takes a free one. `url` ends in a slash."""

    def __init__(self, site: "Site", port: int) -> None:
        import uvicorn

        from harness.sites.base.app import build_app

        try:
            # Listen before the thread runs, so that an immediate connection waits instead of being refused.
            self._socket = socket.create_server((HOST, port))
        except (OSError, OverflowError) as error:
            raise UsageError(f"{site.name} cannot use port {port}: {error}; port 0 takes a free one") from None
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}/"
        self._server = uvicorn.Server(
            uvicorn.Config(
                build_app(site),
                log_config=None,
                log_level="error",  # a client's mistakes are answered to the client
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name=f"site-{site.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()


class LocalSites:
    """`with LocalSites(["gomail"]) as sites: sites.url("gomail")` is its address, with a final slash as tasks have it.

    `today` moves a site's calendar; without it, each has the date that its graders hold literally.
    """

    def __init__(self, names: Iterable[str], *, today: date | None = None, port: int = 0) -> None:
        self._served: dict[str, Served] = {}
        try:
            for name in dict.fromkeys(names):
                self._served[name] = Served(_site(name, today), port)
        except BaseException:
            self.stop()
            raise

    def url(self, name: str) -> str:
        """The address of a served site."""
        if name not in self._served:
            raise UsageError(f"the site {name!r} is not served here; served are: {', '.join(self._served) or 'none'}")
        return self._served[name].url

    def stop(self) -> None:
        """Stop serving and free the ports; a second call does nothing."""
        for served in self._served.values():
            served.stop()
        self._served = {}

    def __enter__(self) -> "LocalSites":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
