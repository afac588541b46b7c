"""The addresses of REAL Bench's sites: the real ones, local stand-ins, or given ones.

Local stand-ins are served while `Sites` is open. A site without an address is an error.
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


def read_sites(option: str) -> Mapping[str, str] | None:
    """The addresses in the option `--sites`, by site; None for `real` and `local`."""
    if option in {"real", "local"}:
        return None
    out: dict[str, str] = {}
    for part in option.split(","):
        site, _, url = part.strip().partition("=")
        parts = urlsplit(url)
        if not site or parts.scheme not in {"http", "https"} or not parts.netloc:
            raise UsageError(f"--sites takes {FORMS}, not '{part.strip()}'")
        # The browser is restricted to IP addresses, so `localhost` would be blocked.
        host = LOOPBACK if parts.hostname == "localhost" else parts.hostname
        at = f"{host}:{parts.port}" if parts.port else host
        out[site] = parts._replace(netloc=at or "").geturl()
    return out


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def check_site(option: str, site: str) -> None:
    """Raise UsageError where the option `--sites` gives no address for a site."""
    given = read_sites(option)
    if given is not None and site not in given:
        raise UsageError(f"--sites has no address for '{site}', only for {', '.join(sorted(given))}")
    if option == "local" and not (
        _installed(LOCAL_SITES) and _installed(SERVED_BY) and _installed(f"{LOCAL_SITES}.{site}")
    ):
        raise UsageError(
            f"there is no local '{site}' yet; leave out --sites for the real site, or give --sites {site}=URL"
        )


class Sites:
    """The addresses of sites, by the option `--sites`; serves local stand-ins when they are first needed."""

    def __init__(self, option: str) -> None:
        self._option = option
        self._given = read_sites(option)
        self._open = contextlib.ExitStack()
        self._urls: dict[str, str] = dict(self._given or {})

    def url(self, site: str, real_url: str) -> str:
        """A site's address. Raises UsageError where the option gives none."""
        if self._option == "real":
            return real_url
        check_site(self._option, site)
        if site not in self._urls:
            served = self._open.enter_context(importlib.import_module(SERVED_BY).LocalSites([site]))
            self._urls[site] = str(served.url(site))
        return self._urls[site]

    @property
    def addresses(self) -> list[str] | None:
        """`host:port` of each site, for the browser's restriction; None unless all are on this machine."""
        at = [urlsplit(url) for url in self._urls.values()]
        if self._option == "real" or any(a.hostname != LOOPBACK for a in at):
            return None
        return [f"{LOOPBACK}:{a.port or 80}" for a in at]

    def close(self) -> None:
        """Stop serving."""
        self._open.close()
