"""BrowserGym folders: the summary is read, the pickles beside it never."""

import gzip
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from reader_tools import as_document, few, spoiled, stored, survives
from samples_agents import BROWSERGYM, EXPERIMENT, browsergym


class Bomb:
    """A pickle of this leaves a file behind when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def test_attempt_has_task_seed_agent_reward_and_tokens(tmp_path):
    columns = (
        "run_id, task_id, seed, mode, outcome, score, end_reason, steps, tokens_in, tokens_out, started_at::VARCHAR"
    )
    with stored(browsergym(tmp_path)) as store:
        assert store.rows(f"SELECT {columns} FROM attempts") == [
            (
                *("study", "miniwob.click-dialog", 51, "GenericAgent-m-7", "success", 1.0, "task_over", 4, 4000, 120),
                "2026-05-04 10:00:00",
            )
        ]


def test_pickles_are_never_opened(tmp_path):
    folder, mark = browsergym(tmp_path), tmp_path / "it-ran"
    bomb = pickle.dumps(Bomb(mark))
    (folder / "exp_args.pkl").write_bytes(bomb)
    (folder / "step_0.pkl.gz").write_bytes(gzip.compress(bomb))
    with stored(folder) as store:
        assert store.rows("SELECT outcome FROM attempts") == [("success",)]
    assert not mark.exists()
    pickle.loads(bomb)
    assert mark.exists(), "the pickle of this test does nothing, so the test shows nothing"


@pytest.mark.parametrize(
    ("name", "task", "seed"),
    [
        ("2025-01-02_03-04-05_DemoAgent_on_v2.omnizon-13_None_ab12cd", "v2.omnizon-13", None),
        ("My_Agent_on_webarena.310", "webarena.310", None),
        ("whatever", "whatever", None),
        (EXPERIMENT, "miniwob.click-dialog", 51),
    ],
)
def test_folder_name_tells_task_and_seed(name, task, seed, tmp_path):
    with stored(browsergym(tmp_path, name)) as store:
        assert store.rows("SELECT task_id, seed FROM attempts") == [(task, seed)]


def test_arguments_kept_as_json_count_above_the_folder_name(tmp_path):
    folder = browsergym(tmp_path, terminated=False, truncated=True, cum_reward=0.0)
    arguments = {
        "env_args": {"task_name": "miniwob.enter-text", "task_seed": 7, "max_steps": 4},
        "agent_args": {"agent_name": "A", "chat_model_args": {"model_name": "m-8"}},
    }
    as_document(folder / "exp_args.json", arguments)
    with stored(folder) as store:
        columns = "task_id, seed, mode, model, step_limit, outcome, end_reason"
        assert store.rows(f"SELECT {columns} FROM attempts") == [
            ("miniwob.enter-text", 7, "A", "m-8", 4, "failure", "step_limit")
        ]


@pytest.mark.parametrize(
    ("message", "ended", "expected"),
    [
        ("Target closed", False, ("error", None, "browser_died")),
        ("Rate limit reached", False, ("error", None, "model_unreachable")),
        ("boom", False, ("error", None, "harness_crashed")),
        ("Could not parse the answer", True, ("failure", 0.0, None)),
        (None, False, ("failure", 0.0, None)),
    ],
)
def test_crash_is_an_error_and_an_agent_that_gave_up_a_failure(message, ended, expected, tmp_path):
    folder = browsergym(tmp_path, err_msg=message, terminated=False, truncated=ended, cum_reward=0)
    with stored(folder) as store:
        assert store.rows("SELECT outcome, score, cause FROM attempts") == [expected]


def test_score_of_agisdk_is_not_taken_for_the_reward(tmp_path):
    with stored(browsergym(tmp_path, score=0)) as store:
        assert store.rows("SELECT score FROM attempts") == [(1.0,)]


def test_study_of_several_experiments_is_one_run(tmp_path):
    browsergym(tmp_path, "A_on_t.1_0")
    browsergym(tmp_path, "A_on_t.1_0_aaaaaa")
    with stored(tmp_path / "study") as store:
        assert store.rows("SELECT run_id, task_id, seed, attempt FROM attempts ORDER BY attempt") == [
            ("study", "t.1", 0, 0),
            ("study", "t.1", 0, 1),
        ]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("GenericAgent-gpt-4o_on_miniwob.click-test_12", "gpt-4o"),
        ("2026-05-04_10-00-00_GenericAgent-openai_o3-mini_on_webarena.1_0_a1b2c3", "openai/o3-mini"),
        ("ToolUseAgent-claude-x_on_t.1_0", "claude-x"),
        ("DemoAgent_on_t.1_0", None),
    ],
)
def test_agent_name_tells_the_model(name, model, tmp_path):
    with stored(browsergym(tmp_path, name)) as store:
        assert store.rows("SELECT model FROM attempts") == [(model,)]


@pytest.mark.parametrize(
    ("stats", "tokens"),
    [
        ({"stats.cum_input_tokens": 10.0, "stats.cum_output_tokens": 2.0, "stats.cum_cost": 0.5}, (10, 2, 0.5)),
        ({"stats.cum_prompt_tokens": 9, "stats.cum_completion_tokens": 1}, (9, 1, None)),
        ({"stats.cum_n_token_agent_messages": 8, "stats.max_n_token_agent_messages": 5}, (8, None, None)),
        ({"stats.cum_input_tokens": None, "stats.cum_effective_cost": 0.25}, (None, None, 0.25)),
    ],
)
def test_totals_have_the_names_of_agentlab(stats, tokens, tmp_path):
    without = {name: None for name in BROWSERGYM if name.startswith("stats.")}
    with stored(browsergym(tmp_path, **{**without, **stats})) as store:
        assert store.rows("SELECT tokens_in, tokens_out, cost_usd FROM attempts") == [tokens]


def test_studies_side_by_side_are_a_run_each(tmp_path):
    for steps, study in enumerate(("one", "two"), start=3):
        as_document(tmp_path / "all" / study / "A_on_t.1_0" / "summary_info.json", {**BROWSERGYM, "n_steps": steps})
    with stored(tmp_path / "all") as store:
        assert store.rows("SELECT run_id, task_id FROM attempts ORDER BY 1") == [("one", "t.1"), ("two", "t.1")]


def test_an_experiment_that_was_run_again_counts_once(tmp_path):
    browsergym(tmp_path, "_2026-05-04_10-00-00_A_on_t.1_0")
    browsergym(tmp_path, "2026-05-04_11-00-00_A_on_t.1_0")
    with stored(tmp_path / "study") as store:
        assert store.rows("SELECT started_at::VARCHAR FROM attempts") == [("2026-05-04 11:00:00",)]
        assert store.summary().superseded == 1


def test_an_experiment_without_a_summary_is_counted_and_left_out(tmp_path):
    browsergym(tmp_path)
    unfinished = tmp_path / "study" / "A_on_t.1_0"
    unfinished.mkdir()
    (unfinished / "exp_args.pkl").write_bytes(pickle.dumps(Bomb(tmp_path / "it-ran")))
    with stored(tmp_path / "study") as store:
        assert store.rows("SELECT count(*) FROM attempts") == [(1,)]
        assert store.summary().unfinished == 1


def test_packed_summary_reads_the_same(tmp_path):
    folder = browsergym(tmp_path)
    file = folder / "summary_info.json"
    file.write_bytes(gzip.compress(file.read_bytes()))
    with stored(folder) as store:
        assert store.rows("SELECT score FROM attempts") == [(1.0,)]


@few
@given(spoiled(BROWSERGYM))
def test_junk_in_any_field_never_stops_an_import(record):
    survives(lambda folder: as_document(folder / "x" / "summary_info.json", record).parent, browsergym)
