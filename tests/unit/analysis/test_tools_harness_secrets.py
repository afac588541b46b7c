"""What of a harness's folder no model gets: stores of secrets, files from elsewhere, and what is no harness."""

import contextlib
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tool_contexts import ask

from halo_opt.analysis.serving.tool_service import ToolService
from halo_opt.analysis.tools.all import READING
from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.analysis.tools.harness_folder import readable
from halo_opt.core.errors import HaloError
from halo_opt.store import Store
from halo_opt.testing import FakeHarness

TOKEN = "gh" + "p_" + "a8Zk2LmQ9xWv3RtY7uIo5PsDfGhJ1bNcM4e{}"
STORES_OF_SECRETS = (
    *(
        "kubeconfig",
        "kubeconfig.yaml",
        "prod.kubeconfig",
        ".kube/config",
        "service-account.json",
        "gcp_service_account.json",
    ),
    *(".bash_history", ".zsh_history", ".python_history", ".psql_history", "terraform.tfvars", "prod.auto.tfvars.json"),
    *(
        "terraform.tfstate.backup",
        "prod.sqlite",
        "prod.sqlite3",
        "users.db",
        "auth_config.yaml",
        "auth.json",
        "hosts.yml",
    ),
    *(
        ".netrc",
        "_netrc",
        ".pgpass",
        "id_rsa",
        "id_ed25519.pub",
        "server.pem",
        ".npmrc",
        ".env",
        ".env.prod",
        "prod.env",
    ),
    *("credentials", "credentials.csv", "aws-credentials.ini", ".docker/config.json", ".dockercfg", "cookies.txt"),
    *("storage_state.json", "session.har", ".git-credentials", ".vault-token", "rclone.conf", "a\0b", "a\nb", "a\x1bb"),
)


@pytest.mark.parametrize("path", STORES_OF_SECRETS, ids=ascii)
def test_a_store_of_secrets_is_not_readable_by_its_name(path: str) -> None:
    assert not readable(path)
    assert not readable(f"conf/{path}")


@pytest.mark.parametrize("path", ["auth.py", "env.py", "wallet/cart.py", "history.md", "chat_history.py", "hosts.py"])
def test_code_may_be_called_like_a_store_of_secrets(path: str) -> None:
    assert readable(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository without a loop.yaml."""
    made = tmp_path / "plain"
    made.mkdir()
    subprocess.run(["git", "init", "-q", str(made)], check=True)
    (made / "prompt.txt").write_text("Be brief.\n")
    return made


def listed(context: ToolContext, folder: Path, *, track: bool = True) -> str:
    if track:
        subprocess.run(["git", "-C", str(folder), "add", "-A", "-f"], check=True)
    return ask(replace(context, harness=folder), "harness_files")


def test_without_a_loop_only_tracked_files_are_served(real_context: ToolContext, folder: Path) -> None:
    listed(real_context, folder)
    (folder / "notes.txt").write_text("mine\n")
    answer = listed(real_context, folder, track=False)
    assert "prompt.txt" in answer and "notes.txt" not in answer


@pytest.mark.parametrize(
    "name", ["kubeconfig", "service-account.json", ".bash_history", "terraform.tfvars", "prod.sqlite"]
)
def test_a_tracked_store_of_secrets_is_refused_with_words(real_context: ToolContext, folder: Path, name: str) -> None:
    (folder / name).write_text("secret things\n")
    assert name not in listed(real_context, folder)
    with pytest.raises(ToolRefused, match="looks like a secret"):
        ask(replace(real_context, harness=folder), "harness_files", path=name)


def test_a_hard_link_to_a_file_outside_is_refused(real_context: ToolContext, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("outside\n")
    os.link(tmp_path / "outside.txt", folder / "inside.txt")
    assert "inside.txt" not in listed(real_context, folder)
    with pytest.raises(ToolRefused):
        ask(replace(real_context, harness=folder), "harness_files", path="inside.txt")


def test_a_pipe_is_neither_served_nor_waited_for(real_context: ToolContext, folder: Path) -> None:
    listed(real_context, folder)
    (folder / "prompt.txt").unlink()
    os.mkfifo(folder / "prompt.txt")
    with pytest.raises(ToolRefused):
        ask(replace(real_context, harness=folder), "harness_files", path="prompt.txt")


def test_a_file_of_several_secrets_is_a_store_of_them(real_context: ToolContext, folder: Path) -> None:
    (folder / "setup.yaml").write_text(f"a: {TOKEN.format(1)}\nb: {TOKEN.format(2)}\n")
    listed(real_context, folder)
    with pytest.raises(ToolRefused, match="holds several secrets"):
        ask(replace(real_context, harness=folder), "harness_files", path="setup.yaml")


def test_a_search_does_not_look_into_a_store_of_secrets(real_context: ToolContext, folder: Path) -> None:
    (folder / "setup.yaml").write_text(f"needle\na: {TOKEN.format(1)}\nb: {TOKEN.format(2)}\n")
    listed(real_context, folder)
    assert "no line of" in ask(replace(real_context, harness=folder), "harness_files", pattern="needle")


@pytest.fixture
def harness(tmp_path: Path) -> FakeHarness:
    return FakeHarness.create(tmp_path / "harness")


@pytest.mark.parametrize("name", ["notes.txt", "data.json", "other.py"])
def test_with_a_loop_what_is_neither_editable_nor_imported_is_not_served(
    real_context: ToolContext, harness: FakeHarness, name: str
) -> None:
    (harness.folder / name).write_text("x = 1\n")
    assert f"\n{name}\t" not in ask(replace(real_context, harness=harness.folder), "harness_files")


def test_with_a_loop_what_its_program_imports_is_served(real_context: ToolContext, harness: FakeHarness) -> None:
    (harness.folder / "lib").mkdir()
    (harness.folder / "lib" / "__init__.py").write_text("from . import deep\n")
    (harness.folder / "lib" / "deep.py").write_text("import helper\n")
    (harness.folder / "helper.py").write_text("x = 1\n")
    agent = harness.folder / "agent.py"
    agent.write_text("import lib\n" + agent.read_text())
    answer = ask(replace(real_context, harness=harness.folder), "harness_files")
    assert all(f"\n{name}\t" in answer for name in ("lib/__init__.py", "lib/deep.py", "helper.py"))


def test_the_history_shows_no_file_that_is_not_served(real_context: ToolContext, harness: FakeHarness) -> None:
    (harness.folder / "notes.txt").write_text("private words\n")
    harness.git("add", ".")
    harness.git("-c", "user.name=f", "-c", "user.email=f@localhost", "commit", "-qm", "Add notes")
    answer = ask(replace(real_context, harness=harness.folder), "git_log", commit="HEAD")
    assert "private words" not in answer and "not served" in answer


@pytest.mark.parametrize("path", ["config.yaml\0", "\0", "a\nb", "prompts/\0/x"], ids=ascii)
def test_a_path_with_control_characters_is_refused_with_words(
    real_context: ToolContext, harness: FakeHarness, path: str
) -> None:
    for tool in ("git_log", "harness_files"):
        with pytest.raises(ToolRefused):
            ask(replace(real_context, harness=harness.folder), tool, path=path)


WORDS = [
    "\0",
    "a\0b",
    "'",
    "SELECT '\0'",
    "SELECT 1\0",
    "(",
    "\ud800",
    "x" * 3000,
    "SELECT trace_id FROM attempts",
    "HEAD~9",
]
ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**63, 10**400, -1])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(WORDS)
    | st.lists(st.text(max_size=3), max_size=2)
)


@pytest.fixture(scope="module")
def service(real_store: Store, tmp_path_factory: pytest.TempPathFactory) -> ToolService:
    made = FakeHarness.create(tmp_path_factory.mktemp("odd") / "harness")
    return ToolService(
        real_store, harness=made.folder, answer_bytes=2_000, working=lambda _words: contextlib.nullcontext()
    )


@pytest.mark.parametrize("tool", READING, ids=[tool.name for tool in READING])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_odd_arguments_are_answered_or_refused_with_words(service: ToolService, tool: Any, data: st.DataObject) -> None:
    arguments = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(tool.arguments.model_fields, ODD)))
    try:
        assert service.call(tool.name, arguments)
    except HaloError as error:
        assert str(error)
