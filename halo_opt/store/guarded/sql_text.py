"""SQL as text: where its strings, quoted names and comments are."""

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

_TOKEN = re.compile(
    r"""(?P<text>(?<!\w)[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<name>"(?:[^"]|"")*")
      | (?P<comment>--[^\n]*|/\*.*?\*/)""",
    re.DOTALL | re.VERBOSE,
)


class Piece(NamedTuple):
    """A stretch of SQL: a string literal, a quoted name, a comment, or the code between them."""

    kind: Literal["text", "name", "comment", "code"]
    words: str


def pieces(sql: str) -> Iterator[Piece]:
    """The stretches in order; joined they are the SQL again."""
    at = 0
    for match in _TOKEN.finditer(sql):
        if match.start() > at:
            yield Piece("code", sql[at : match.start()])
        yield Piece(_kind(match), match.group())
        at = match.end()
    if at < len(sql):
        yield Piece("code", sql[at:])


def _kind(match: re.Match[str]) -> Literal["text", "name", "comment"]:
    if match["text"] is not None:
        return "text"
    return "name" if match["name"] is not None else "comment"


def alone(sql: str) -> str:
    """One statement ready to be set in brackets: no comments, no semicolon at its end."""
    text = "".join(" " if piece.kind == "comment" else piece.words for piece in pieces(sql))
    return text.strip().rstrip("; \t\r\n")


def bare(sql: str) -> str:
    """The same with every string literal empty: what words of SQL can be looked for in."""
    return "".join("''" if piece.kind == "text" else piece.words for piece in pieces(alone(sql)))


def layout_free(sql: str) -> str:
    """What SQL has in common with the same SQL laid out otherwise: a key to compare, not SQL to run."""
    return " ".join(sql.split()).rstrip("; ")


def without_schema(sql: str, tables: Iterable[str]) -> str:
    """The SQL with `main.` taken from before these tables, so that a CTE of that name is what it reads."""
    names = "|".join(re.escape(name) for name in tables)
    # Names in quotes are skipped as a whole, unless they are the schema.
    pattern = re.compile(
        rf"""(?P<schema>(?<![\w.])(?:main|"main")\s*\.\s*(?=(?:{names})\b|"(?:{names})"))|"(?:[^"]|"")*\"""",
        re.IGNORECASE,
    )

    def plain(stretch: str) -> str:
        return pattern.sub(lambda found: "" if found["schema"] else found.group(), stretch)

    stretches: list[str] = [""]
    for piece in pieces(sql):
        if piece.kind in ("code", "name"):
            stretches[-1] += piece.words
        else:
            stretches += [piece.words, ""]
    # Strings and comments stand at the odd places.
    return "".join(text if place % 2 else plain(text) for place, text in enumerate(stretches))
