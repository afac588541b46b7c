"""The pages in Markdown name only what exists: files, headings, and the verbs and options of both programs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from halo_opt.cli.app import command as halo_opt
from harness.cli.app import app as harness

ROOT = Path(__file__).parents[3]
WHERE = ("*", "docs/*", "benchmarks/*", "benchmarks/*/*", "examples/*/*", "harness/**/*", "reports/*", "traces/*")
PAGES = sorted({page.relative_to(ROOT) for place in WHERE for page in ROOT.glob(f"{place}.md")})
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"^```.*?\n(?P<block>.*?)^```$|`(?P<inline>[^`]+)`", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^(?:\$ )?(halo-opt|python -m harness) (.+)", re.MULTILINE)
OPTION = re.compile(r"(?<!\S)--[a-z][a-z-]*")


def text_of(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub makes from a page's headings."""
    headings = HEADING.findall(FENCE.sub("", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    return [link for link in LINK.findall(FENCE.sub("", text_of(page))) if "://" not in link]


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command line of a page: its program and its words, without a comment and what follows a pipe."""
    for code in CODE.finditer(text_of(page)):
        for program, line in COMMAND.findall(code["block"] or code["inline"] or ""):
            yield program, re.split(r"\s+[#|]\s", line)[0].split()


def leaf(program: str, words: list[str]) -> TyperCommand | TyperGroup:
    """The verb that a command line calls. Raises KeyError when there is none of that name."""
    here = halo_opt() if program == "halo-opt" else get_command(harness)
    rest = iter(words)
    while isinstance(here, TyperGroup) and (word := next(rest, "--")) and not word.startswith("-"):
        name = word.rstrip(".,;:")
        here = here.commands[name].make_context(name, [], resilient_parsing=True).command
    assert isinstance(here, (TyperCommand, TyperGroup))
    return here


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_points_to_a_file_or_heading_that_exists(page: Path) -> None:
    for link in links(page):
        path, _, fragment = link.partition("#")
        target = (ROOT / page.parent / path).resolve() if path else ROOT / page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_command_has_a_verb_and_options_that_exist(page: Path) -> None:
    for program, words in commands(page):
        known = {option for parameter in leaf(program, words).params for option in parameter.opts} | {"--help"}
        assert set(OPTION.findall(" ".join(words))) <= known, words


def test_commands_are_found_in_the_pages() -> None:
    assert sum(1 for page in PAGES for _ in commands(page)) > 40
