"""REAL Bench's tasks as they are listed, pinned and checked, with and without its SDK."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli.task_verbs import spread, tasks_app
from harness.core.errors import EnvironmentMissing, UsageError
from harness.envs.registry import RealTask, Registry, changes, read_snapshot, sdk_registry
from harness.evaluation.jobs import jobs_of
from harness.evaluation.task_check import check_jobs

COUNTS = {
    "dashdish": 11, "gocalendar": 10, "gomail": 21, "marrisuite": 1, "networkin": 10, "omnizon": 10, "opendining": 11,
    "staynb": 11, "topwork": 12, "udriver": 14, "zilloft": 10,
}  # fmt: skip
AT_HOME = (
    "omnizon=http://127.0.0.1:1/,gomail=http://127.0.0.1:1/,gocalendar=http://127.0.0.1:1/,dashdish=http://127.0.0.1:1/"
)
Verb = Callable[..., tuple[str, str]]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str]) -> Verb:
    def run(*args: str) -> tuple[str, str]:
        tasks_app(list(args), standalone_mode=False)
        said = capsys.readouterr()
        return said.out, said.err

    return run


@pytest.fixture
def without_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A package of the SDK's name without its tasks stands before the real one.
    (tmp_path / "bare" / "agisdk").mkdir(parents=True)
    (tmp_path / "bare" / "agisdk" / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "agisdk", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "bare")


def test_121_tasks_on_11_sites_are_listed_with_their_counts(verb: Verb) -> None:
    out, err = verb("list")
    lines = out.splitlines()
    assert "121 tasks on 11 sites" in lines
    assert {site: int(n) for site, n in (line.split() for line in lines[-11:])} == COUNTS
    assert sum(line.startswith("v2.") for line in lines) == 121
    assert err.strip() == "source: agisdk 0.3.5"


def test_ids_are_in_the_order_of_their_numbers(verb: Verb) -> None:
    ids = verb("list", "--site", "gomail", "--ids-only")[0].split()
    assert len(ids) == 21
    assert ids[:3] == ["v2.gomail-1", "v2.gomail-2", "v2.gomail-4"]


def test_several_sites_after_one_option(verb: Verb) -> None:
    ids = verb("list", "--site", "omnizon", "marrisuite", "--ids-only")[0].split()
    assert len(ids) == 11
    assert verb("list", "--site", "omnizon", "--site", "marrisuite", "--ids-only")[0].split() == ids


def test_json_goes_to_a_file_or_to_stdout(verb: Verb, tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    out, err = verb("list", "--json", str(file))
    assert out == ""
    assert "121 tasks in" in err
    told = json.loads(file.read_text(encoding="utf-8"))
    assert (told["source"], told["counts"]) == ("agisdk 0.3.5", COUNTS)
    assert json.loads(verb("list", "--json")[0]) == told
    one = next(t for t in told["tasks"] if t["id"] == "v2.omnizon-13")
    assert one["goal"].startswith("Omnizon: I need to cook")
    assert len(one["grader"]) == 64


def test_miniwob_is_listed_when_asked_for_or_when_a_subset_is(verb: Verb) -> None:
    short = verb("list", "--subset", "short-stated", "--ids-only")[0].split()
    assert short
    assert all(i.startswith("miniwob.") for i in short)
    assert len(verb("list", "--benchmark", "miniwob", "--ids-only")[0].split()) == 130
    assert len(verb("list", "--benchmark", "all", "--ids-only")[0].split()) == 251
    assert isinstance(json.loads(verb("list", "--benchmark", "miniwob", "--json")[0]), list)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--benchmark", "minwob"], "there is no benchmark 'minwob'; the nearest is 'miniwob'"),
        (["--site", "omnison"], "there is no site 'omnison'; the nearest is 'omnizon'"),
        (["--site", "gomail", "--subset", "short"], "give one of them"),
        (["--task-registry", "none.json"], "none.json does not exist; make it with 'tasks snapshot --out none.json'"),
        (["--json", "no/folder/x.json"], "--json no/folder/x.json cannot be written"),
    ],
)
def test_what_cannot_be_listed_is_said(verb: Verb, args: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        verb("list", *args)


def test_options_take_several_values_or_none() -> None:
    assert spread(["--site", "a", "b", "--ids-only"]) == ["--site", "a", "--site", "b", "--ids-only"]
    assert spread(["--json"]) == ["--json", "-"]
    assert spread(["--json", "--ids-only"]) == ["--json", "-", "--ids-only"]
    assert spread(["--json", "f", "--site", "a"]) == ["--json", "f", "--site", "a"]


def test_broken_graders_are_flagged_and_suspect_ones_named(verb: Verb) -> None:
    lines = {line.split()[0]: line for line in verb("list")[0].splitlines() if line.startswith("v2.")}
    flagged = {i for i, line in lines.items() if line.endswith("]")}
    assert flagged == {"v2.gocalendar-11", "v2.gomail-21", "v2.dashdish-10"}
    assert "[broken: its grader is an empty file" in lines["v2.gocalendar-11"]
    assert "[suspect: it asks for" in lines["v2.dashdish-10"]


def test_a_snapshot_is_used_by_itself_and_names_its_source(verb: Verb) -> None:
    verb("snapshot", "--out", "real-tasks.json")
    out, err = verb("list")
    assert "121 tasks on 11 sites" in out
    assert err.strip() == "source: real-tasks.json (agisdk 0.3.5)"


def moved(registry: Registry) -> Registry:
    """An older SDK: one task more, one less, a goal and a grader changed."""
    first, second, third, *rest = registry.tasks
    gone = RealTask(id="v2.old-1", site="old", goal="g", grader="0", points=1, difficulty="easy", possible=True)
    changed = (second.model_copy(update={"goal": "other"}), third.model_copy(update={"grader": "0"}))
    assert first.id == "v2.dashdish-1"
    return registry.model_copy(update={"tasks": (gone, *changed, *rest), "sdk_version": "0.3.4"})


def test_what_moved_since_the_snapshot_is_said() -> None:
    installed = sdk_registry()
    assert installed is not None
    assert changes(installed, installed) == []
    assert changes(moved(installed), installed) == [
        "added: v2.dashdish-1",
        "removed: v2.old-1",
        "goal changed: v2.dashdish-3",
        "grader changed: v2.dashdish-4",
    ]


def test_listing_with_a_moved_snapshot_tells_it_on_stderr(verb: Verb, tmp_path: Path) -> None:
    installed = sdk_registry()
    assert installed is not None
    path = tmp_path / "older.json"
    path.write_text(moved(installed).model_dump_json(), encoding="utf-8")
    _, err = verb("list", "--task-registry", str(path))
    assert f"{path} was taken from agisdk 0.3.4, installed is 0.3.5" in err
    assert "grader changed: v2.dashdish-4" in err


@pytest.mark.parametrize("text", ["not json", "[]", '{"tasks": []}', '{"sdk_version": "1", "tasks": [{"id": "x"}]}'])
def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"bad\.json is not a task snapshot \(.*make one with 'tasks snapshot'"):
        read_snapshot(path)


def test_a_snapshot_lists_without_the_sdk(verb: Verb, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    verb("snapshot", "--out", str(tmp_path / "pinned.json"))
    request.getfixturevalue("without_sdk")
    out, _ = verb("list", "--task-registry", str(tmp_path / "pinned.json"))
    assert "121 tasks on 11 sites" in out
    with pytest.raises(EnvironmentMissing, match=r"is needed to run v2\.omnizon-13; run 'pip install"):
        check_jobs(jobs_of("v2.omnizon-13", "0"), sites=AT_HOME, snapshot=tmp_path / "pinned.json")


@pytest.mark.usefixtures("without_sdk")
def test_without_sdk_and_snapshot_one_sentence_says_how_to_install(verb: Verb) -> None:
    for args in (["list"], ["snapshot"]):
        with pytest.raises(EnvironmentMissing, match=r"run 'pip install --no-deps -r requirements-nodeps\.txt'"):
            verb(*args)
    with pytest.raises(EnvironmentMissing, match="pip install"):
        check_jobs(jobs_of("v2.omnizon-13", "0"))
    with pytest.raises(UsageError, match=r"there is no task 'click-tst'; the nearest is 'miniwob\.click-"):
        check_jobs(jobs_of("click-tst", "0"))


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("gomail-5", "task 'gomail-5' needs its version: gomail-5 -> v2.gomail-5"),
        ("v3.gomail-5", "task 'v3.gomail-5' needs its version: v3.gomail-5 -> v2.gomail-5"),
        ("v1.gomail-5", r"version 1, which is not run here.*did you mean v2\.gomail-5\?"),
        ("v1.gomail-99", r"version 1, which is not run here.*paid model$"),
        ("v2.gomial-5", r"there is no task 'v2\.gomial-5'; the nearest is 'v2\.gomail-5'"),
        (
            "v2.gomail-21",
            "nothing is left to run; left out: v2.gomail-21: its grader passes a run in which nothing was",
        ),
        ("v2.zilloft-2", "--sites has no address for 'zilloft'"),
    ],
)
def test_a_task_that_will_not_be_run_is_refused_with_the_reason(task: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_jobs(jobs_of(task, "0"), sites=AT_HOME)


def test_broken_tasks_are_left_out_unless_asked_for_and_named_like_suspect_ones() -> None:
    asked = jobs_of("v2.gomail-21,v2.dashdish-10,v2.omnizon-13,miniwob.click-test", "0")
    kept, said = check_jobs(asked, sites=AT_HOME)
    assert [job.task_id for job in kept] == ["v2.dashdish-10", "v2.omnizon-13", "miniwob.click-test"]
    assert said[0].startswith("left out: v2.gomail-21: its grader passes")
    assert said[1].startswith("v2.dashdish-10: suspect:")
    kept, said = check_jobs(asked, sites=AT_HOME, include_broken=True)
    assert kept == asked
    assert [line.partition(":")[0] for line in said] == ["v2.dashdish-10", "v2.gomail-21"]
    assert check_jobs(asked[2:], sites=AT_HOME) == (asked[2:], [])


def test_usable_leaves_out_what_eval_leaves_out(verb: Verb) -> None:
    ids = verb("list", "--ids-only", "--usable")[0].split()
    assert len(ids) == 119
    assert not {"v2.gomail-21", "v2.gocalendar-11"} & set(ids)
    assert len(verb("list", "--benchmark", "miniwob", "--ids-only", "--usable")[0].split()) == 91
