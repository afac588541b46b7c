"""The sandbox where Linux does not confine: the same session through Monty, with its own limits."""

import sys

import pytest
from sandbox_attacks import ALIVE, DEADLY

from halo_opt.confinement.python import Limits, Sandbox, SandboxMissing, sandbox
from halo_opt.confinement.python.monty import MontyBackend
from halo_opt.core.errors import InputError

pytest.importorskip("pydantic_monty", reason="the extra `sandbox` is not installed")

LIMITS = Limits(seconds=0.5, grace=0.5, output_chars=300, host_calls=3, message_bytes=1 << 16)


def ask(question: str) -> list[dict[str, object]]:
    if question == "refuse":
        raise InputError("there is no table x")
    if question == "break":
        raise OSError("/home/me/secret")
    return [{"question": question, "none": None}]


@pytest.fixture
def session(monkeypatch):
    monkeypatch.setattr(sandbox, "BACKENDS", [MontyBackend])
    with Sandbox.start({"ask": ask}, LIMITS) as started:
        yield started


@pytest.fixture
def patient(monkeypatch):
    """A session whose cells may take as long as a busy machine needs."""
    monkeypatch.setattr(sandbox, "BACKENDS", [MontyBackend])
    with Sandbox.start({"ask": ask}, LIMITS.model_copy(update={"seconds": 60})) as started:
        yield started


def test_variables_and_host_functions_work_as_on_linux(patient):
    assert patient.kind == "monty"
    patient.run("rows = ask('why')")
    result = patient.run("print(len(rows))\nrows[0]['question']")
    assert (result.stdout, result.value, result.error, result.host_calls) == ("1\n", "'why'", None, 0)


def test_output_is_cut_and_says_by_how_much(patient):
    result = patient.run("print('x' * 1000)\n'y' * 1000")
    assert result.stdout == "x" * 300 + "\n[701 more characters were cut off; print less]"
    assert result.value.endswith("\n[702 more characters were cut off; print less]")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("ask('refuse')", "there is no table x"),
        ("ask('break')", "ask() failed on these arguments (OSError)"),
        ("ask()", "missing a required argument: 'question'"),
        ("ask({1})", "ask() takes text, numbers, lists and dicts"),
        ("ask('x' * 10**6)", "the arguments of ask() are too long"),
        ("for i in range(9): ask('x')", "this cell has made its 3 host calls"),
    ],
)
def test_a_failed_host_call_says_why(patient, call, words):
    result = patient.run(call)
    assert words in result.error
    assert "/home/me" not in result.error
    assert patient.run("1 + 1").value == "2"


@pytest.mark.parametrize("code", ["while True: pass", "x = 'a' * 10**10", "1 / 0", "x = = 1", "'\ud800' + 1"])
def test_what_goes_wrong_is_said_and_the_next_cell_runs(session, code):
    assert session.run(code).error
    assert session.run("40 + 2").value == "42"


def test_a_cell_that_runs_too_long_loses_its_variables_and_says_so(session):
    session.run("x = 1")
    result = session.run("while True: pass")
    assert result.state_lost
    assert "the cell did not stop after 0.5 s, so all variables are lost" in result.error
    assert "NameError" in session.run("x").error


# Done by an interpreter that only plays them: its folder is a name, its loop and its patterns are its own.
HARMLESS = ("ask for the working folder", "open a connection in asyncio", "match for ever", "nest deeply in a type")


@pytest.mark.parametrize("name", ALIVE | DEADLY)
def test_an_attack_gets_nothing(session, name, tmp_path):
    (tmp_path / "canary").write_text("CANARY")
    places = {"W": tmp_path, "DB": tmp_path / "canary", "PORT": 9, "ABSTRACT": "x", "HOST": 1}
    result = session.run((ALIVE | DEADLY)[name].format(**places))
    error = (result.error or "").splitlines()[-1:]
    said = "\n".join([result.stdout, result.value or "", *error])
    assert "CANARY" not in said
    assert "GOT" not in said or name in HARMLESS
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("canary", "CANARY")]
    assert session.run("40 + 2").value == "42"


def test_it_says_what_confines_it(session):
    assert "an interpreter without files, network, environment or processes" in session.explain()
    assert "256 MB of heap, 0.5 s a cell; a subset of Python, without numpy" in session.explain()


def test_an_interpreter_that_does_not_start_is_no_sandbox(monkeypatch):
    monkeypatch.setattr(sandbox, "BACKENDS", [MontyBackend])
    monkeypatch.setenv("MONTY_BIN", "/no/such/monty")
    with pytest.raises(SandboxMissing, match="pydantic-monty does not start"):
        Sandbox.start({})


def test_it_is_what_another_system_gets(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with Sandbox.start({}, LIMITS) as started:
        assert started.kind == "monty"
