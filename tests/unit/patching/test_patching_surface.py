"""What a patch may touch, and how a harness describes itself."""

import re
from pathlib import Path

import pytest
from patching_samples import RULES, Git, odd_files

from halo_opt.core.errors import ConfigError
from halo_opt.git import reading as gitread
from halo_opt.patching.surface import Surface, glob_pattern, parse_description, resolve_surface

CONFIGURES_TOOLS = "a file that configures git, Python, tests or the loop, which patches may not edit"


def test_the_surface_is_plain_tracked_files_only(repo: Path, git: Git) -> None:
    odd_files(repo, git)
    (repo / "untracked.txt").write_text("x")
    found = resolve_surface(repo, "HEAD", ["**"])
    assert sorted(found.files) == ["README.md", "conf/config.yaml", "prompts/rules.txt", "prompts/worker.j2"]
    assert found.refused == {
        ".env": CONFIGURES_TOOLS, "conftest.py": CONFIGURES_TOOLS,
        "link": "a symbolic link", "run.sh": "an executable file", "sub": "a submodule",
    }  # fmt: skip
    assert found.revision == git("rev-parse", "HEAD")


def test_the_surface_is_read_from_the_revision_not_from_the_disk(repo: Path) -> None:
    (repo / RULES).write_text("dirty\n")
    assert resolve_surface(repo, "HEAD", ["prompts/*.txt"]).files == {RULES: b"Be brief.\n"}
    assert gitread.uncommitted(repo) == [RULES]


def test_a_harness_in_a_subfolder_has_paths_of_its_own(repo: Path) -> None:
    found = resolve_surface(repo / "prompts", "HEAD", ["*.txt"])
    assert (found.files, found.inside, found.repo) == ({"rules.txt": b"Be brief.\n"}, "prompts/", repo.resolve())
    assert found.in_repo({"rules.txt": b"x"}) == {RULES: b"x"}


def test_globs_that_match_nothing_or_leave_the_repository_are_config_errors(repo: Path) -> None:
    with pytest.raises(ConfigError, match="no tracked file matches"):
        resolve_surface(repo, "HEAD", ["nothing/**"])
    for glob in ("../x", "/etc/*", "a//b", "a\\b", ""):
        with pytest.raises(ConfigError, match="not a path inside the repository"):
            resolve_surface(repo, "HEAD", [glob])


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("prompts/**", ["prompts/a.j2", "prompts/x/y.j2"], ["prompts", "xprompts/a"]),
        ("prompts/*.j2", ["prompts/a.j2"], ["prompts/x/a.j2", "prompts/a.j2x", "prompts/aj2"]),
        ("**/a.j2", ["a.j2", "x/a.j2", "x/y/a.j2"], ["xa.j2"]),
        ("a?.txt", ["ab.txt"], ["a/.txt", "a.txt"]),
        ("a[b].txt", ["a[b].txt"], ["ab.txt"]),
    ],
)
def test_globs_mean_what_people_expect(glob: str, yes: list[str], no: list[str]) -> None:
    pattern = glob_pattern(glob)
    assert [p for p in yes if not pattern.fullmatch(p)] == []
    assert [p for p in no if pattern.fullmatch(p)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it printed 'nothing'"),
        ("Traceback ...", "must print one JSON object"),
        ("[]", "the top"),
        ('{"config": 3}', "config: Input should be a valid string"),
        ('{"remedies": {"x": [{"type": "run"}]}}', "remedies.x.0"),
        ('{"remedies": {"x": [{"type": "set", "path": "a"}]}}', "key: Field required"),
    ],
)
def test_a_malformed_description_is_one_config_error(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        parse_description(text)


def test_a_description_may_say_more_than_we_read() -> None:
    found = parse_description('{"config": "c.yaml", "schema": {"type": "object"}, "extra": 1}')
    assert (found.config, found.remedies) == ("c.yaml", {})
    assert parse_description("{}").settings is None


def test_a_surface_remembers_what_it_was_read_from(surface: Surface, repo: Path) -> None:
    assert surface.repo == repo.resolve()
    assert surface.in_repo(surface.files) == {}
