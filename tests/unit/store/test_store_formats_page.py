"""The page of formats: every reader has an example that gives what is stated, and docs/formats.md is that page."""

import re
from pathlib import Path

import pytest

from halo_opt.core.errors import InputError
from halo_opt.store import Options, Store, build_store
from halo_opt.store.formats.page import MAP, Example, examples, page, section
from halo_opt.store.name_map import NameMap
from halo_opt.store.readers import READERS, chat, conventions

DOCS = Path(__file__).parents[3] / "docs"
NAMES = [reader.name for reader in READERS]


def written(example: Example, folder: Path) -> Path:
    for name, text in example.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_every_reader_has_an_example_and_there_is_no_other():
    assert set(examples()) == {*NAMES, MAP}


@pytest.mark.parametrize("name", [*NAMES, MAP])
def test_example_gives_the_stated_attempts(tmp_path, name):
    example = examples()[name]
    folder, place = written(example, tmp_path / "in"), tmp_path / "s.duckdb"
    summary = build_store([folder], place, options=Options(names=folder / "names.yaml" if name == MAP else None))
    assert list(summary.by_format) == ["spans" if name == MAP else name]
    with Store.open(place) as store:
        calls = "(SELECT count(*) FROM tool_calls t WHERE t.trace_id = a.trace_id) AS tool_calls"
        columns = "task_id, outcome, model, steps, tokens_in, tokens_out"
        found = store.records(f"SELECT {columns}, {calls} FROM attempts a ORDER BY task_id, seed")
    given = [{key: value for key, value in row.items() if value} for row in found]
    assert given == example.attempts


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_an_example_is_left_out_or_rejected(tmp_path, name):
    summary = build_store([written(examples()[name], tmp_path / "in")], tmp_path / "s.duckdb")
    left = [file.path for file in [*summary.not_recognised, *summary.without_attempts] if not file.expected]
    assert (left, summary.reject_reasons) == ([], {})


def test_the_page_in_docs_is_the_page_of_the_verb():
    assert page().strip() in (DOCS / "formats.md").read_text(encoding="utf-8")


def test_the_page_begins_with_ten_lines_that_anybody_can_write():
    first = re.search(r"```jsonl.*?\n(.*?)```", page(), re.DOTALL)
    assert first is not None
    lines = first.group(1).splitlines()
    assert len(lines) == 10
    assert all(line.startswith('{"task_id": ') and '"messages": ' in line for line in lines)


@pytest.mark.parametrize("table", [chat.FIELDS, conventions.NAMES], ids=["fields", "attributes"])
def test_every_name_that_is_understood_is_on_the_page(table):
    words = page()
    assert [name for names in table.values() for name in names if f"`{name}`" not in words] == []


def test_every_key_of_a_mapping_file_is_explained():
    assert all(field.description for field in NameMap.model_fields.values())
    assert all(f"| `{key}` |" in section(MAP) for key in NameMap.model_fields)


def test_a_section_is_the_part_of_the_page():
    assert section("otlp", level=3).strip() in page()


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(InputError, match=r"there is no format .claud-code.; did you mean .claude-code."):
        section("claud-code")
