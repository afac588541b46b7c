"""Makes the page of trace formats, for `halo-opt formats` and docs/formats.md."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from halo_common.text import nearest
from halo_opt.core.errors import InputError
from halo_opt.core.records import AttemptResult
from halo_opt.store.index import scores
from halo_opt.store.name_map import NameMap
from halo_opt.store.readers import READERS, browsergym, chat, conventions

_HERE = Path(__file__).parent
# The section on mapping files, which is no format.
MAP = "map"
_LANGUAGES = {".jsonl": "jsonl", ".json": "json", ".yaml": "yaml"}


class Example(BaseModel):
    """A small set of files of one format, and the attempts that they give."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seen: bool = Field(description="files of this format that others made were read")
    attempts: list[dict[str, str | int | float]] = Field(
        description="columns of `attempts`, and tool_calls as a count; what is 0 or NULL is left out"
    )
    files: dict[str, str] = Field(description="text by path")

    @property
    def gives(self) -> str:
        """The attempts in words."""
        if len(self.attempts) > 1:
            outcomes = [str(attempt.get("outcome", "no outcome")) for attempt in self.attempts]
            counts = ", ".join(f"{outcomes.count(name)} {name}" for name in dict.fromkeys(outcomes))
            return f"{len(self.attempts)} attempts: {counts}"
        [only] = self.attempts
        return f"1 attempt: {', '.join(f'{name} {value}' for name, value in only.items())}"


@cache
def examples() -> Mapping[str, Example]:
    """The example of each format, and that of a mapping file."""
    data = YAML(typ="safe", pure=True).load((_HERE / "examples.yaml").read_text(encoding="utf-8"))
    return {name: Example.model_validate(example) for name, example in data.items()}


def page() -> str:
    """The whole page as Markdown."""
    known = examples()
    return _template().render(
        chat=known["chat"],
        map=known[MAP],
        nested=_words([name for name in chat.NESTED if name != chat.AROUND]),
        chat_names=_table(("what", "names"), _field_rows()),
        scores_names=_table(("what", "names"), _score_rows()),
        span_names=_table(("what", "attributes"), _span_rows()),
        map_names=_table(("key", "what it names"), _map_rows()),
        list=_table(("format", "recognised by its content as", "tested on real files"), _list_rows()),
        formats=[{"text": section(reader.name, level=3)} for reader in READERS if reader.name != "chat"],
    )


def section(name: str, *, level: int = 1) -> str:
    """The part of the page on one format, or on mapping files, as Markdown. Raises InputError for an unknown name."""
    names = [reader.name for reader in READERS]
    if name not in (*names, MAP):
        near = nearest(name, [*names, MAP])
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(names)}, and {MAP} for mapping files"
        raise InputError(f"there is no format {name!r}; {hint}")
    example = examples()[name]
    parts = [f"{'#' * level} `{name}`", _meaning(name)]
    parts += [_fenced(path, text) for path, text in example.files.items()]
    parts.append(f"halo-opt reads {example.gives}.")
    if name in _TABLES:
        heading, rows = _TABLES[name]
        parts.append(_table(heading, rows()))
    return "\n\n".join(parts) + "\n"


def _meaning(name: str) -> str:
    if name == MAP:
        return "A mapping file, for `--map`, and spans with such names."
    meaning = next(reader.meaning for reader in READERS if reader.name == name)
    return f"{meaning[0].upper()}{_cell(meaning[1:])}."


def _fenced(path: str, text: str) -> str:
    language = _LANGUAGES.get(Path(path).suffix, "json")
    return f'```{language} title="{path}"\n{text}```'


def _list_rows() -> list[tuple[str, ...]]:
    known = examples()
    return [(f"`{r.name}`", _cell(r.meaning), "yes" if known[r.name].seen else "") for r in READERS]


def _map_rows() -> list[tuple[str, ...]]:
    return [(f"`{key}`", _cell(field.description or "")) for key, field in NameMap.model_fields.items()]


def _result_rows() -> list[tuple[str, ...]]:
    return [(f"`{key}`", field.description or "") for key, field in AttemptResult.model_fields.items()]


def _field_rows() -> list[tuple[str, ...]]:
    return [(what, _words(names)) for what, names in chat.FIELDS.items()]


def _score_rows() -> list[tuple[str, ...]]:
    return [(what, _words(names)) for what, names in scores.FIELDS.items()]


def _span_rows() -> list[tuple[str, ...]]:
    return [(what, _words(names)) for what, names in conventions.NAMES.items()]


def _total_rows() -> list[tuple[str, ...]]:
    totals = (("tokens in", browsergym.TOKENS_IN), ("tokens out", browsergym.TOKENS_OUT), ("cost", browsergym.COST))
    return [(what, _words(names)) for what, names in totals]


# What one format has beside its example: the heading of a table and its rows.
_TABLES = {
    "chat": (("what", "names"), _field_rows),
    "spans": (("what", "attributes"), _span_rows),
    "run-folder": (("field of results.jsonl", "value"), _result_rows),
    "browsergym": (("what", "fields of summary_info.json"), _total_rows),
    MAP: (("key", "what it names"), _map_rows),
}


def _words(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    """Text that a Markdown table shows as it is."""
    return text.replace("|", "\\|")


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _template() -> Template:
    environment = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((_HERE / "page.md.j2").read_text(encoding="utf-8"))
