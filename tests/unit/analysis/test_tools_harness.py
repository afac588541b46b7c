"""The harness's files and history as an agent reads them: all of the harness, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest
from tool_contexts import ask

from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.analysis.tools.harness_folder import is_beside, readable
from halo_opt.testing import FakeHarness

KEY = "sk-proj-Zq8Vt3mN5xLw2Kp9Rb7Hd4Jf6Gs1Ac0E"


@pytest.fixture
def harness(tmp_path: Path) -> FakeHarness:
    return FakeHarness.create(tmp_path / "harness")


@pytest.fixture
def context(real_context: ToolContext, harness: FakeHarness) -> ToolContext:
    return replace(real_context, harness=harness.folder)


def test_tracked_and_new_files_are_listed_and_ignored_ones_are_not(context: ToolContext, harness: FakeHarness) -> None:
    (harness.folder / "prompts" / "new.j2").write_text("new\n")
    (harness.folder / "traces").mkdir()
    (harness.folder / "traces" / "t.jsonl").write_text("ignored\n")
    answer = ask(context, "harness_files")
    assert all(f"\n{name}\t" in answer for name in ("agent.py", "config.yaml", "prompts/rules.j2", "prompts/new.j2"))
    assert "t.jsonl" not in answer
    assert "rules.j2" in ask(context, "harness_files", path="prompts") != answer


def test_lines_are_numbered_and_given_by_range(context: ToolContext) -> None:
    assert "1\tYou work on a page. Reply with one action." in ask(context, "harness_files", path="prompts/rules.j2")
    answer = ask(context, "harness_files", path="agent.py", first=3, last=4)
    assert "\n3\t" in answer and "\n4\t" in answer and "\n5\t" not in answer
    assert "none of them from 99999 on" in ask(context, "harness_files", path="agent.py", first=99_999)
    long = ask(context, "harness_files", path="agent.py")
    assert "more lines; ask with first=" in long and len(long.encode()) <= context.answer_bytes


def test_a_search_gives_file_line_and_text(context: ToolContext) -> None:
    assert "prompts/rules.j2:1\tYou work" in ask(context, "harness_files", pattern="You w.rk")
    assert ask(context, "harness_files", pattern="nowhere at all", path="prompts").startswith("no line of 1 files")
    with pytest.raises(ToolRefused, match="not a pattern of RE2"):
        ask(context, "harness_files", pattern="(?=x)")
    with pytest.raises(ToolRefused, match="there is no file 'nope'"):
        ask(context, "harness_files", pattern="x", path="nope")


def test_a_secret_in_a_file_or_in_the_history_is_redacted(context: ToolContext, harness: FakeHarness) -> None:
    (harness.folder / "prompts" / "rules.j2").write_text(f"key = {KEY}\n")
    harness.git("add", ".")
    harness.git("-c", "user.name=f", "-c", "user.email=f@localhost", "commit", "-qm", f"Use {KEY}")
    for answer in (
        ask(context, "harness_files", path="prompts/rules.j2"),
        ask(context, "git_log"),
        ask(context, "git_log", commit="HEAD"),
    ):
        assert KEY not in answer and "[redacted:" in answer


SECRETS = (
    *(".env", "a/.env.local", "x.pem", "id_rsa", "secrets.yaml", "api_key.txt", "my-token.json", "Credentials.JSON"),
    *("../x", "/x", "a/../b", ".git/config", "a\\b", ""),
)


@pytest.mark.parametrize("path", SECRETS)
def test_what_looks_like_a_secret_is_not_read(path: str) -> None:
    assert not readable(path)


@pytest.mark.parametrize(
    "path", ["agent.py", "prompts/a.j2", "tokens.py", "docs/secrets.md", ".gitignore", "a.b/c d.txt"]
)
def test_code_and_prompts_are_read(path: str) -> None:
    assert readable(path)


def test_links_binaries_and_what_is_too_long_are_not_read(
    context: ToolContext, harness: FakeHarness, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.md").write_text("outside\n")
    (harness.folder / "link.md").symlink_to(outside / "x.md")
    (harness.folder / "folder").symlink_to(outside)
    (harness.folder / "prompts" / "blob.j2").write_bytes(b"a\0b")
    (harness.folder / "prompts" / "long.j2").write_text("x" * 1_000_001)
    answer = ask(context, "harness_files")
    assert "link.md" not in answer and "folder" not in answer
    for path in ("link.md", "folder/x.md", "prompts/blob.j2", "prompts/long.j2"):
        with pytest.raises(ToolRefused, match=r"lists them|another file"):
            ask(context, "harness_files", path=path)
    assert "no line of" in ask(context, "harness_files", pattern="outside")


def test_a_folder_without_git_has_files_and_no_history(real_context: ToolContext, tmp_path: Path) -> None:
    (tmp_path / "plain" / "sub").mkdir(parents=True)
    (tmp_path / "plain" / "sub" / "a.md").write_text("hello\n")
    (tmp_path / "plain" / ".hidden").write_text("no\n")
    context = replace(real_context, harness=tmp_path / "plain")
    answer = ask(context, "harness_files")
    assert "sub/a.md\t6" in answer and ".hidden" not in answer
    with pytest.raises(ToolRefused, match="history of plain cannot be read; 'harness_files' has its files"):
        ask(context, "git_log")


def test_commits_are_listed_by_path_and_one_is_shown_as_a_diff(context: ToolContext, harness: FakeHarness) -> None:
    (harness.folder / "config.yaml").write_text("patience: 9\n")
    harness.git("-c", "user.name=f", "-c", "user.email=f@localhost", "commit", "-qam", "Wait longer")
    assert "Wait longer" in ask(context, "git_log", path="config.yaml")
    assert "Wait longer" not in ask(context, "git_log", path="prompts")
    answer = ask(context, "git_log", commit="HEAD")
    assert "+patience: 9" in answer and "changes 1 files" in answer
    assert "+You work on a page" in ask(context, "git_log", commit="HEAD~1", path="prompts")
    for arguments, words in (
        ({"commit": "main"}, "4 to 40 hex digits"),
        ({"commit": "0123456789"}, "there is no commit 0123456789"),
        ({"path": "../x"}, "outside the harness"),
        ({"path": "nothing.md"}, "no commit touches this path"),
    ):
        with pytest.raises(ToolRefused, match=words):
            ask(context, "git_log", **arguments)


def test_a_harness_within_a_repository_shows_its_own_part_only(context: ToolContext, harness: FakeHarness) -> None:
    inner = replace(context, harness=harness.folder / "prompts")
    assert "rules.j2\t" in ask(inner, "harness_files") and "agent.py" not in ask(inner, "harness_files")
    answer = ask(inner, "git_log", commit="HEAD")
    assert "b/rules.j2" in answer and "agent.py" not in answer
    with pytest.raises(ToolRefused, match="outside the harness"):
        ask(inner, "harness_files", path="../agent.py")


def test_a_context_without_a_harness_says_so(real_context: ToolContext, tmp_path: Path) -> None:
    for context in (real_context, replace(real_context, harness=tmp_path / "gone")):
        for tool in ("harness_files", "git_log"):
            with pytest.raises(ToolRefused, match="see from the traces what it does"):
                ask(context, tool)


def test_the_editable_files_come_first(context: ToolContext) -> None:
    names = [line.partition("\t")[0] for line in ask(context, "harness_files").splitlines() if "\t" in line]
    assert names == ["config.yaml", "prompts/rules.j2", "agent.py"]


def test_lines_are_cut_between_and_never_within(context: ToolContext, harness: FakeHarness) -> None:
    lines = [f"line {number} {'word ' * 60}".rstrip() for number in range(60)]
    (harness.folder / "prompts" / "rules.j2").write_text("\n".join(lines))
    answer = ask(context, "harness_files", path="prompts/rules.j2")
    shown = [line.partition("\t")[2] for line in answer.splitlines() if line[:1].isdigit() and "\t" in line]
    assert shown == lines[: len(shown)] and f"[{60 - len(shown)} more lines; ask with first={len(shown) + 1}]" in answer


def test_a_setting_is_shown_with_the_code_that_uses_it(context: ToolContext) -> None:
    answer = ask(context, "harness_files", setting="defaults.patience")
    assert "config.yaml\n" in answer and "agent.py\n" in answer and "patience" in answer
    with pytest.raises(ToolRefused, match="there is no file 'nope'"):
        ask(context, "harness_files", setting="patience", path="nope")
    assert "names this setting" in ask(context, "harness_files", setting="nowhere")


@pytest.mark.parametrize(
    "name", ["README.md", "docs/a.md", "reports/r.md", "CHANGELOG.md", "tests/test_a.py", "loop.yaml"]
)
def test_documentation_tests_and_results_are_out_of_reach(
    context: ToolContext, harness: FakeHarness, name: str
) -> None:
    (harness.folder / name).parent.mkdir(exist_ok=True)
    (harness.folder / name).touch()
    assert f"\n{name}\t" not in ask(context, "harness_files")


@pytest.mark.parametrize(
    ("name", "beside"), [("Docs/a.md", True), ("readme_parser.py", False), ("prompts/doc.md", False)]
)
def test_what_is_beside_a_harness_is_told_by_its_path(name: str, beside: bool) -> None:
    assert is_beside(name) == beside


def test_the_history_leaves_out_the_optimizer_s_own_patches(context: ToolContext, harness: FakeHarness) -> None:
    (harness.folder / "config.yaml").write_text("patience: 9\n")
    message = "p1: Wait longer\n\nHalo-Proposal: p1\nHalo-Source: playbook\n"
    harness.git("-c", "user.name=f", "-c", "user.email=f@localhost", "commit", "-qam", message)
    assert "Wait longer" not in ask(context, "git_log")
    with pytest.raises(ToolRefused, match="a patch that halo-opt made"):
        ask(context, "git_log", commit="HEAD")


def test_the_history_is_of_the_served_files(context: ToolContext, harness: FakeHarness) -> None:
    (harness.folder / "README.md").write_text("What went wrong.\n")
    harness.git("add", ".")
    harness.git("-c", "user.name=f", "-c", "user.email=f@localhost", "commit", "-qm", "Write down what went wrong")
    assert "went wrong" not in ask(context, "git_log")


def test_without_a_loop_prompts_and_settings_come_first(context: ToolContext, harness: FakeHarness) -> None:
    harness.loop_file.unlink()
    names = [line.partition("\t")[0] for line in ask(context, "harness_files").splitlines() if "\t" in line]
    assert names.index("config.yaml") < names.index("prompts/rules.j2") < names.index("agent.py")
