"""A mapping file: spans and conversations whose attributes and fields have names of their own."""

import json
from pathlib import Path
from typing import Any

import pytest

from halo_opt.core.errors import ConfigError, InputError
from halo_opt.store import Options, Store, build_store, fresh, options_of
from halo_opt.store.name_map import read_name_map

MAP = """
task: my.task
goal: my.goal
seed: my.try
run: my.batch
outcome: {attribute: my.verdict, success: [ok, done], failure: [bad]}
model: my.llm
tokens_in: my.in
tokens_out: my.out
cost: my.dollars
kind: {my.kind: {exec: TOOL, "ask*": LLM, job: AGENT}}
agent: my.who
tool: [my.tool]
arguments: my.args
result: my.output
error: my.problem
prompt: my.prompt
reply: my.reply
"""


def span(number: int, name: str, parent: str = "", **attributes: Any) -> dict[str, Any]:
    return {
        "trace_id": "t1",
        "span_id": f"s{number}",
        "parent_span_id": parent,
        "name": name,
        "start_time": f"2026-05-04T10:00:0{number}Z",
        "end_time": f"2026-05-04T10:00:0{number}.5Z",
        "attributes": {f"my.{key}": value for key, value in attributes.items()},
    }


SPANS = [
    span(1, "job", kind="job", task="refund", goal="Refund order 7", **{"try": 4}, batch="monday"),
    span(2, "ask", "s1", kind="ask model", llm="m-9", **{"in": 30, "out": 4}, dollars=0.5, prompt="Go", reply="I look"),
    span(3, "exec", "s1", kind="exec", tool="find", args={"id": 7}, problem="no such order", output=""),
    span(4, "judge", "s1", verdict="bad"),
]
ATTEMPT = "run_id, task_id, goal, seed, outcome, model, tokens_in, tokens_out, cost_usd, steps"
EXPECTED = ("monday", "refund", "Refund order 7", 4, "failure", "m-9", 30, 4, 0.5, 1)


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.yaml"
    path.write_text(MAP)
    return path


def spans_file(folder: Path) -> Path:
    path = folder / "spans.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in SPANS))
    return path


def stored(path: Path, names: Path, **options: Any) -> Store:
    place = path.with_name("s.duckdb")
    build_store([path], place, options=Options(names=names, **options))
    return Store.open(place)


@pytest.mark.parametrize("contents", [True, False])
def test_facts_of_the_attempt_are_found_wherever_they_stand(tmp_path, names, contents):
    with stored(spans_file(tmp_path), names, contents=contents) as store:
        assert store.rows(f"SELECT {ATTEMPT} FROM attempts") == [EXPECTED]


def test_calls_have_tool_arguments_and_the_error_s_words(tmp_path, names):
    with stored(spans_file(tmp_path), names) as store:
        assert store.rows("SELECT tool, arguments, result, error FROM tool_calls") == [
            ("find", '{"id": 7}', "", "no such order")
        ]


def test_prompt_and_reply_are_messages(tmp_path, names):
    with stored(spans_file(tmp_path), names) as store:
        assert store.rows("SELECT role, content FROM messages ORDER BY position") == [
            ("user", "Go"),
            ("assistant", "I look"),
        ]


def test_own_attributes_stay_beside_the_known_ones(tmp_path, names):
    with stored(spans_file(tmp_path), names) as store:
        [(attributes,)] = store.rows("SELECT attributes FROM spans WHERE span_id = 's3'")
        assert json.loads(attributes)["my.tool"] == json.loads(attributes)["gen_ai.tool.name"] == "find"


def test_names_of_spans_and_their_own_fields_count_too(tmp_path):
    names = tmp_path / "names.yaml"
    names.write_text("kind: {name: {exec: TOOL}}\ntool: called\narguments: with.id\n")
    path = tmp_path / "spans.jsonl"
    record = {**span(1, "exec"), "attributes": {}, "called": "find", "with": {"id": 7}}
    path.write_text(json.dumps(record) + "\n")
    with stored(path, names) as store:
        assert store.rows("SELECT tool, arguments FROM tool_calls") == [("find", "7")]


def test_otlp_spans_are_mapped_too(tmp_path, names):
    def value(plain: Any) -> dict[str, Any]:
        return {"intValue": str(plain)} if isinstance(plain, int) else {"stringValue": str(plain)}

    spans = [
        {
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": f"{number:016x}",
            "parentSpanId": f"{1:016x}" if number > 1 else "",
            "name": one["name"],
            "attributes": [{"key": key, "value": value(plain)} for key, plain in one["attributes"].items()],
        }
        for number, one in enumerate(SPANS, start=1)
    ]
    path = tmp_path / "otlp.json"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}))
    with stored(path, names) as store:
        assert store.rows("SELECT task_id, outcome, tokens_in FROM attempts") == [("refund", "failure", 30)]
        assert store.rows("SELECT tool FROM tool_calls") == [("find",)]


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [("ok", "success"), ("done", "success"), ("bad", "failure"), ("success", "success"), ("?", None)],
)
def test_values_of_an_outcome(tmp_path, names, verdict, outcome):
    path = tmp_path / "spans.jsonl"
    path.write_text(json.dumps(span(1, "job", verdict=verdict)) + "\n")
    with stored(path, names) as store:
        assert store.rows("SELECT outcome FROM attempts") == [(outcome,)]


def test_outcomes_may_be_numbers_and_booleans(tmp_path):
    names = tmp_path / "names.yaml"
    names.write_text("outcome: {attribute: my.code, success: [0, true], failure: [1, false]}\n")
    path = tmp_path / "spans.jsonl"
    found = []
    for code in (0, 1, True, False):
        path.write_text(json.dumps(span(1, "job", code=code)) + "\n")
        with stored(path, names) as store:
            found += store.rows("SELECT outcome FROM attempts")
    assert found == [("success",), ("failure",), ("success",), ("failure",)]


CHAT_MAP = """
task: about.case
goal: about.wish
seed: nr
run: batch
outcome: {attribute: verdict, success: fine, failure: wrong}
model: engine
tokens_in: used.in
tokens_out: used.out
cost: price
messages: log
prompt: seen
reply: said
tool: did
arguments: with
result: got
error: broke
agent: who
"""
RECORD = {
    "about": {"case": "c-1", "wish": "Find order 7"},
    "nr": 2,
    "batch": "tuesday",
    "verdict": "wrong",
    "engine": "m-3",
    "used": {"in": 50, "out": 6},
    "price": 0.25,
    "log": [
        {"seen": "Where is order 7?", "said": "I look", "did": "find", "with": {"id": 7}, "broke": "no such order"},
        {"said": "It is not there.", "who": "clerk"},
    ],
}


@pytest.fixture
def conversation(tmp_path: Path) -> tuple[Path, Path]:
    names, path = tmp_path / "names.yaml", tmp_path / "log.jsonl"
    names.write_text(CHAT_MAP)
    path.write_text(json.dumps(RECORD) + "\n")
    return path, names


def test_records_are_recognised_by_the_list_that_the_map_names(conversation):
    with stored(*conversation) as store:
        columns = "run_id, task_id, goal, seed, outcome, model, tokens_in, tokens_out, cost_usd, steps"
        assert store.rows(f"SELECT {columns} FROM attempts") == [
            ("tuesday", "c-1", "Find order 7", 2, "failure", "m-3", 50, 6, 0.25, 2)
        ]


def test_steps_of_a_record_have_calls_with_results(conversation):
    with stored(*conversation) as store:
        assert store.rows("SELECT tool, arguments, error FROM tool_calls") == [("find", '{"id": 7}', "no such order")]
        assert store.rows("SELECT observation, reply FROM steps ORDER BY step")[0] == ("Where is order 7?", "I look")


def test_without_the_map_the_file_is_not_known(conversation):
    path, _ = conversation
    with pytest.raises(InputError, match="no traces were recognised"):
        build_store([path], path.with_name("s.duckdb"))


def test_usual_names_are_understood_beside_the_map(tmp_path):
    names, path = tmp_path / "names.yaml", tmp_path / "log.jsonl"
    names.write_text("outcome: {attribute: verdict, success: fine}\n")
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    path.write_text(json.dumps({"task_id": "a", "verdict": "fine", "messages": messages}) + "\n")
    with stored(path, names) as store:
        assert store.rows("SELECT task_id, outcome, steps FROM attempts") == [("a", "success", 1)]


def test_a_later_import_uses_the_map_of_the_store(tmp_path, names):
    path = spans_file(tmp_path)
    with stored(path, names) as store:
        found = options_of(store.path)
    assert found is not None
    assert found.names == names.resolve()


def test_a_changed_map_makes_the_store_anew(tmp_path, names):
    path = spans_file(tmp_path)
    stored(path, names).close()
    names.write_text(MAP.replace("my.task", "my.batch"))
    options = Options(names=names)
    assert not fresh(path.with_name("s.duckdb"), [path], options=options)
    with stored(path, names) as store:
        assert store.rows("SELECT task_id FROM attempts") == [("monday",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tool: a\ntols: b\n", "names.yaml, line 2: there is no key 'tols'; did you mean 'tool'?"),
        ("zzz: b\n", "names.yaml, line 1: there is no key 'zzz'; keys: task, goal, seed, run, mode, outcome, score,"),
        ("tool: {a: b}\n", "names.yaml, line 1: 'tool' must be a name or a list of names"),
        (
            "task: x\noutcome:\n  attribut: b\n",
            "names.yaml, line 3: there is no key 'outcome.attribut'; did you mean 'attribute'?",
        ),
        (
            "outcome: {success: [a]}\n",
            "names.yaml, line 1: 'outcome' needs the key 'attribute', the name of the attribute",
        ),
        ("kind:\n  my.kind:\n    exec: TOOLS\n", "names.yaml, line 3: 'kind' must be {NAME: {VALUE: KIND}}"),
        ("kind: [a]\n", "names.yaml, line 1: 'kind' must be {NAME: {VALUE: KIND}}"),
        ("tool: [a\n", "names.yaml, line 2: not YAML: "),
        ("- a\n", "names.yaml holds no names; 'halo-opt formats map' shows an example"),
        ("", "names.yaml holds no names; "),
    ],
)
def test_a_bad_map_names_the_line_and_what_is_right(tmp_path, text, message):
    path = tmp_path / "names.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_name_map(path)
    assert message in str(caught.value)


def test_a_missing_map_says_so(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere.yaml is not there; --map takes a YAML file"):
        read_name_map(tmp_path / "nowhere.yaml")


def test_kinds_may_be_in_small_letters(tmp_path):
    path = tmp_path / "names.yaml"
    path.write_text("kind: {my.kind: {exec: tool}}\n")
    assert read_name_map(path).kind == {"my.kind": {"exec": "TOOL"}}


def test_a_map_none_of_whose_names_is_there_is_an_error_that_names_them(tmp_path: Path) -> None:
    path, names = tmp_path / "t.jsonl", tmp_path / "names.yaml"
    path.write_text("".join(json.dumps(one) + "\n" for one in SPANS))
    names.write_text("task: your.task\ntool: [your.tool, your.call]\n")
    with pytest.raises(InputError, match=r"\(task: your.task, tool: your.tool or your.call\)"):
        build_store([path], tmp_path / "s.duckdb", options=Options(names=names))


def test_names_that_are_not_there_beside_others_draw_a_warning(tmp_path: Path) -> None:
    path, names = tmp_path / "t.jsonl", tmp_path / "names.yaml"
    path.write_text("".join(json.dumps(one) + "\n" for one in SPANS))
    names.write_text("task: my.task\nscore: my.points\ntool: [your.tool, my.tool]\n")
    summary = build_store([path], tmp_path / "s.duckdb", options=Options(names=names))
    (warning,) = [words for words in summary.warnings if "names of" in words]
    assert warning.endswith("score: my.points; correct them where the traces do have it")
