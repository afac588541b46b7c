"""Which addresses of a site the agent may not reach, and where the sites are."""

from fnmatch import fnmatchcase

import pytest

from harness.core.errors import UsageError
from harness.envs.request_blocker import PATTERNS, is_blocked
from harness.envs.sites import Sites, check_site, read_sites

FENCED = (
    "/finish", "//finish", "/finish/", "/finish?x=1", "/finish#top", "/FINISH", "/Finish", "/a/finish", "/fin%69sh",
    "/%66inish", "/%46INISH", "/finish.json", "/finish.txt?_rsc=1", "/_next/data/b1/finish.json",
    "/_next/static/chunks/pages/finish-3fa.js", "/_next/static/chunks/app/finish/page-1.js", "/x\\finish", "/finish%20",
    "/config", "//config?run_id=0", "/config/", "/%63onfig", "/Config", "/_next/data/b1/config.json", "/x%2Ffinish",
)  # fmt: skip
OPEN = (
    "/", "/mail/finished", "/search?q=finish", "/api/config", "/settings/config", "/inbox#finish",
    "/static/config.js?finish", "/a%20b.png",
)  # fmt: skip


@pytest.mark.parametrize("path", FENCED)
def test_whatever_leads_to_the_graded_state_is_fenced_and_looked_at(path: str) -> None:
    url = f"https://shop.example{path}"
    assert is_blocked(url)
    assert any(fnmatchcase(url, pattern) for pattern in PATTERNS)


@pytest.mark.parametrize("path", OPEN)
def test_other_addresses_are_open(path: str) -> None:
    assert not is_blocked(f"https://shop.example{path}")


def test_sites_are_real_local_or_given_addresses() -> None:
    assert read_sites("real") is None
    assert read_sites("local") is None
    assert read_sites("omnizon=http://localhost:81/, gomail=https://x.example/") == {
        "omnizon": "http://127.0.0.1:81/",
        "gomail": "https://x.example/",
    }


@pytest.mark.parametrize("said", ["locl", "omnizon=", "omnizon=ftp://x/", "=http://x/"])
def test_other_words_for_sites_are_refused(said: str) -> None:
    with pytest.raises(UsageError, match=r"--sites takes real, local, or SITE=URL"):
        read_sites(said)


def test_a_browser_is_shut_in_while_every_site_is_on_this_machine() -> None:
    assert Sites("omnizon=http://localhost:81/,gomail=http://127.0.0.1/").addresses == ["127.0.0.1:81", "127.0.0.1:80"]
    assert Sites("omnizon=http://localhost:81/,gomail=https://x.example/").addresses is None
    assert Sites("real").addresses is None


def test_a_task_is_never_sent_to_another_site() -> None:
    sites = Sites("omnizon=http://127.0.0.1:81/")
    assert sites.url("omnizon", "https://real.example/") == "http://127.0.0.1:81/"
    with pytest.raises(UsageError, match="--sites has no address for 'gomail', only for omnizon"):
        sites.url("gomail", "https://real.example/")
    with pytest.raises(UsageError, match="there is no local 'marrisuite' yet"):
        check_site("local", "marrisuite")
    assert Sites("real").url("gomail", "https://real.example/") == "https://real.example/"
