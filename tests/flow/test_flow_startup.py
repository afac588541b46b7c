"""What the program imports before it knows which verb is meant, and what completion offers."""

import inspect
import json
import os
import subprocess
import sys
from importlib import import_module

import pytest

from halo_opt.cli.app import VERBS, run

HEAVY = {
    "anthropic", "duckdb", "genai_prices", "git", "jinja2", "mcp", "numpy", "openai", "pydantic", "pydantic_ai",
    "rich", "ruamel", "scipy",
}  # fmt: skip
SUMMARIES = {name: summary for verbs in VERBS.values() for name, summary in verbs.items()}

MODULES_AT_EXIT = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from halo_opt.cli import main
main()
"""


def imported_by(*arguments: str, **environment: str) -> tuple[str, set[str]]:
    """What the program prints for these arguments, and every module that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", MODULES_AT_EXIT, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


def verbs_in(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith("halo_opt.cli.") and name.endswith("_verb")}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_no_verb_and_no_heavy_library(option: str) -> None:
    _, modules = imported_by(option)
    assert not HEAVY & modules
    assert not verbs_in(modules)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_the_completion_script_of_a_shell_is_printed_without_importing_a_verb(shell: str) -> None:
    script, modules = imported_by("--show-completion", shell)
    assert "_HALO_OPT_COMPLETE" in script
    assert f"complete_{shell}" in script
    assert not verbs_in(modules)


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", {"COMP_WORDS": "halo-opt s", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "halo-opt s"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "halo-opt s", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_verbs_are_completed_without_importing_one(shell: str, words: dict[str, str]) -> None:
    offered, modules = imported_by(_HALO_OPT_COMPLETE=f"complete_{shell}", **words)
    assert [name for name in SUMMARIES if name in offered] == ["show", "search", "stats", "sql", "schema"]
    assert not HEAVY & modules
    assert not verbs_in(modules)


def test_options_of_a_verb_are_completed_by_importing_it_alone() -> None:
    words = {"COMP_WORDS": "halo-opt show --r", "COMP_CWORD": "2"}
    offered, modules = imported_by(_HALO_OPT_COMPLETE="complete_bash", **words)
    assert offered.split() == ["--raw"]
    assert verbs_in(modules) == {"halo_opt.cli.show_verb"}


@pytest.mark.parametrize("verb", ["overview", "show", "search"])
def test_a_verb_that_only_reads_a_store_imports_no_model_library_and_no_reader(verb: str) -> None:
    _, modules = imported_by(verb, "--help")
    assert not {"anthropic", "git", "jinja2", "numpy", "openai", "pydantic_ai", "scipy"} & modules
    assert "halo_opt.store.index.discovery" not in modules


@pytest.mark.parametrize("verb", ["analyze", "ask", "propose", "apply", "cost"])
def test_a_verb_that_runs_no_attempts_does_not_import_the_loop(verb: str) -> None:
    _, modules = imported_by(verb, "--help")
    assert "halo_opt.loop" not in modules


@pytest.mark.parametrize("verb", SUMMARIES)
def test_the_help_of_a_verb_begins_with_its_summary_in_the_list(verb: str) -> None:
    function = getattr(import_module(f"halo_opt.cli.{verb}_verb"), f"{verb}_verb")
    first_paragraph = (inspect.getdoc(function) or "").split("\n\n")[0]
    assert " ".join(first_paragraph.split()).startswith(SUMMARIES[verb])


def test_help_lists_every_verb_under_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = [line.strip(":") for line in lines if line.strip(":") in VERBS]
    assert headings == list(VERBS)
    for name in SUMMARIES:
        assert any(line.startswith(f"  {name} ") for line in lines)


def test_a_verb_that_is_misspelt_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serch"]) == 2
    assert "No such command 'serch'. Did you mean 'search'?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["analyze"], ["traces", "--bogus"], ["stats", "nonsense"]])
def test_wrong_usage_names_the_help_of_the_verb(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert f"See 'halo-opt {arguments[0]} --help'." in capsys.readouterr().err


def test_a_wrong_choice_is_answered_with_the_choices_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["traces", "--outcome", "maybe"]) == 2
    assert "Invalid value for '--outcome': 'maybe' is not one of 'success'," in capsys.readouterr().err


def test_traces_given_as_an_argument_where_an_option_is_due(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "refund", "traces/"]) == 2
    assert "(traces/): name traces with --traces." in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_failure() -> None:
    process = subprocess.Popen([sys.executable, "-m", "halo_opt", "schema"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait() == 0


def test_an_unknown_shell_is_an_error_that_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--show-completion", "csh"]) == 2
    assert "'csh' is not one of bash, zsh, fish, powershell" in capsys.readouterr().err
