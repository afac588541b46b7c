"""Writes into docs/store.md, docs/mining.md and docs/formats.md what follows from the code and its data files.

    python scripts/docs_pages.py            writes the pages anew
    python scripts/docs_pages.py --check    says with exit code 1 which page is out of step

Only what stands between a page's marks is replaced.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from halo_opt.core.playbook import load_playbook
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.detector_files import families
from halo_opt.store.formats.page import page
from halo_opt.store.readers import READERS
from halo_opt.store.schema import TABLES

DOCS = Path(__file__).parents[1] / "docs"


def tables() -> str:
    """Every table of the store with its columns."""
    parts = []
    for table in TABLES:
        rows = [f"| `{c.name}` | {c.type} | {_cell(c.meaning)} |" for c in table.columns]
        head = [
            f"### `{table.name}`",
            "",
            f"A row is {table.meaning}.",
            "",
            "| column | type | meaning |",
            "|---|---|---|",
        ]
        parts.append("\n".join([*head, *rows]))
    return "\n\n".join(parts)


def formats() -> str:
    """Every trace format that a reader knows."""
    rows = [f"| `{reader.name}` | {_cell(reader.meaning)} |" for reader in READERS]
    return "\n".join(["| format | recognised by its content as |", "|---|---|", *rows])


def detectors() -> str:
    """Every built-in detector, a table for each file of them."""
    parts = []
    for family in families():
        cells = [(f"`{b.name}`", _cell(b.title), _cell(b.meaning), remedies(b)) for b in family.behaviours]
        rows = [f"| {' | '.join(row)} |" for row in cells]
        head = [
            f"### {family.title}",
            "",
            family.description,
            "",
            "| detector | title | shown when | remedies |",
            "|---|---|---|---|",
        ]
        parts.append("\n".join([*head, *rows]))
    return "\n\n".join(parts)


def remedies(behaviour: Behaviour) -> str:
    """What the playbook has against a behaviour, or why it has nothing."""
    words = ", ".join(load_playbook().words_for(behaviour.name))
    if not words and not behaviour.consequence:
        words = "none of its own" if behaviour.category == "harness" else f"none: lies with the {behaviour.category}"
    marks = [mark for mark in ("consequence", "general", "experimental") if getattr(behaviour, mark)]
    return " ".join([words, *(f"*({mark})*" for mark in marks)]).strip()


def _cell(text: str) -> str:
    """Text that a cell of a table shows as it is."""
    return re.sub(r"(<[^>]*>|\{.*\})", r"`\1`", text.replace("|", "\\|"))


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "formats.md": {"page": page},
    "store.md": {"tables": tables, "formats": formats},
    "mining.md": {"detectors": detectors},
}


def renewed(name: str, page: str) -> str:
    """The text of a page with its generated parts made anew."""
    for section, made in PAGES[name].items():
        begin, end = f"<!-- generated: {section} -->", f"<!-- end: {section} -->"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise SystemExit(f"docs/{name} lacks the marks {begin} and {end}; put them back")
        page = f"{before}{begin}\n\n{made()}\n\n{end}{after}"
    return page


def main() -> None:
    """Write the pages, or check them."""
    for name in PAGES:
        path = DOCS / name
        text = path.read_text(encoding="utf-8")
        if "--check" not in sys.argv[1:]:
            path.write_text(renewed(name, text), encoding="utf-8")
        elif renewed(name, text) != text:
            raise SystemExit(f"docs/{name} is out of step with the code; run: python scripts/docs_pages.py")


if __name__ == "__main__":
    main()
