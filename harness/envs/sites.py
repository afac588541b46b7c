"""Where the sites of REAL Bench's tasks are: the real ones, our local stand-ins, or addresses that were given.

Serves the local ones while it is open. Never sends a task elsewhere than asked: a site that is missing is an error.
"""

import contextlib
import importlib
import importlib.util
from collections.abc import Mapping
from urllib.parse import urlsplit

from harness.core.errors import UsageError

LOOPBACK = "127.0.0.1"
LOCAL_SITES = "harness.sites"
SERVED_BY = f"{LOCAL_SITES}.serve"
FORMS = "real, local, or SITE=URL with a comma between several"


def read_sites(said: str) -> Mapping[str, str] | None:
    """The addresses in `--sites`, by site; None for the words `real` and `local`."""
    if said in {"real", "local"}:
        return None
    out: dict[str, str] = {}
    for part in said.split(","):
        site, _, url = part.strip().partition("=")
        parts = urlsplit(url)
        if not site or parts.scheme not in {"http", "https"} or not parts.netloc:
            raise UsageError(f"--sites takes {FORMS}, not '{part.strip()}'")
        # The browser is shut in by address: its own name for this machine would not be let through.
        host = LOOPBACK if parts.hostname == "localhost" else parts.hostname
        at = f"{host}:{parts.port}" if parts.port else host
        out[site] = parts._replace(netloc=at or "").geturl()
    return out


def _there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def check_site(said: str, site: str) -> None:
    """Raise UsageError where `--sites` has no place for a site."""
    given = read_sites(said)
    if given is not None and site not in given:
        raise UsageError(f"--sites has no address for '{site}', only for {', '.join(sorted(given))}")
    if said == "local" and not (_there(LOCAL_SITES) and _there(SERVED_BY) and _there(f"{LOCAL_SITES}.{site}")):
        raise UsageError(f"there is no local '{site}' yet; leave --sites out, or give its address")


class Sites:
    """`url(site, real_url)` is where a task's site is; `addresses` what its browser may reach (None: everything)."""

    def __init__(self, said: str) -> None:
        self._said = said
        self._given = read_sites(said)
        self._open = contextlib.ExitStack()
        self._urls: dict[str, str] = dict(self._given or {})

    def url(self, site: str, real_url: str) -> str:
        """Raises UsageError when the site is not among those that were asked for."""
        if self._said == "real":
            return real_url
        check_site(self._said, site)
        if site not in self._urls:
            served = self._open.enter_context(importlib.import_module(SERVED_BY).LocalSites([site]))
            self._urls[site] = str(served.url(site))
        return self._urls[site]

    @property
    def addresses(self) -> list[str] | None:
        """host:port of each site while all are on this machine, else None."""
        at = [urlsplit(url) for url in self._urls.values()]
        if self._said == "real" or any(a.hostname != LOOPBACK for a in at):
            return None
        return [f"{LOOPBACK}:{a.port or 80}" for a in at]

    def close(self) -> None:
        """Stop serving."""
        self._open.close()
