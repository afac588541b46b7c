"""The files of the harness as agents may read them: plain text files in its folder, redacted.

With a loop.yaml in the folder these are the editable files, the programs that the loop's commands start, and what
either of them imports. Without one they are the files that git tracks, but for documentation, tests and results, which
say what somebody concluded and not what the harness does. Links of either kind are not followed, and files that look
like a store of secrets, by name or by content, are left out.
"""

import os
import re
import stat
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.analysis.tools.harness_imports import modules_in, reached
from halo_opt.core.config import load_config
from halo_opt.core.errors import HaloError
from halo_opt.git.command import run_git
from halo_opt.patching.surface import glob_pattern
from halo_opt.redaction import redact

MAX_FILES = 2_000
MAX_FILE_BYTES = 1_000_000
# Names of files and folders that hold secrets or no text.
_SECRET_NAMES = """
    *.pem *.key *.p8 *.p12 *.pfx *.pkcs12 *.jks *.jceks *.keystore *.keytab *.kdb* *.asc *.gpg *.ppk *.agekey *.ovpn
    *.rdp *.keychain* id_rsa* id_dsa* id_ecdsa* id_ed25519* authorized_keys shadow *htpasswd* wallet.*
    .ssh .aws .azure .gcloud .gnupg .kube *kubeconfig* .docker .dockercfg .dockerconfigjson .vault* *vault-pass*
    *.tfstate* *.tfvars* .terraform* terraform.rc *service[-_]account* *serviceaccount* local.settings.json
    .git .git-credentials hosts.yml hosts.yaml .env* *.env env.* *netrc .npmrc .yarnrc* .pypirc
    *pgpass* .my.cnf .mylogin.cnf .s3cfg .boto rclone.conf auth.* *[-_]auth.* auth[-_]*.json auth[-_]*.yaml
    auth[-_]*.yml auth[-_]*.toml auth[-_]*.ini *sh_history *sql_history .*history *.history *.har cookies* *.cookies
    storage[-_]state* *.sqlite* *.db *.db-* *.duckdb* *.dump *.sql.gz *.parquet
"""
_SECRET = tuple(_SECRET_NAMES.split())
_SECRET_WORDS = re.compile(r"secret|credential|password|passwd|private|apikey|api[-_.]key|(^|[-_.])tokens?([-_.]|$)")
# Code and prompts about secrets are no secrets; what stands in them by mistake, redaction looks for.
_CODE = (".py", ".j2", ".md", ".js", ".ts", ".tsx", ".go", ".rs", ".java", ".sh", ".html", ".css")
# What tells of the harness, or comes from it, and is no part of it.
BESIDE_FOLDERS = (
    *("docs", "doc", "documentation", "reports", "report", "benchmarks", "benchmark", "results", "traces"),
    *("tests", "test", ".github", ".halo_opt"),
)
BESIDE_FILES = (
    *(
        "readme*",
        "changelog*",
        "changes*",
        "contributing*",
        "architecture*",
        "code_of_conduct*",
        "authors*",
        "license*",
    ),
    *("licence*", "copying*", "notice*"),
)
_PROMPTS = (".j2", ".jinja", ".jinja2", ".prompt", ".md", ".txt", ".yaml", ".yml", ".toml", ".json", ".ini", ".cfg")
_TEXT_ENDS = ("", ".md", ".rst", ".txt", ".adoc", ".html")
# So many secrets in one file make it a store of them; in code some are examples.
_MOST_SECRETS, _MOST_IN_CODE = 1, 4


@dataclass(frozen=True)
class HarnessFile:
    """A file by its path below the harness's folder, its size in bytes, and whether loop.yaml says it is editable."""

    path: str
    size: int
    editable: bool = False


def folder_of(context: ToolContext) -> Path:
    """The harness's folder with no link left in it. Raises ToolRefused where none was given."""
    if context.harness is None:
        raise ToolRefused("the folder of the harness is not known here; see from the traces what it does")
    folder = context.harness.resolve()
    if not folder.is_dir():
        raise ToolRefused("the folder of the harness does not exist; see from the traces what it does")
    return folder


def files_of(context: ToolContext) -> list[HarnessFile]:
    """At most MAX_FILES plain files that agents may read; without git, those not hidden.

    The editable ones come first; without a loop.yaml, prompts and settings do.
    """
    folder = folder_of(context)
    loop = folder / "loop.yaml"
    by_loop = loop.is_file()
    names = frozenset(filter(readable, _names(folder, untracked=by_loop)))
    editable: frozenset[str] = frozenset()
    if by_loop:
        editable, names = _of_loop(folder, loop, names)
    else:
        names = frozenset(name for name in names if not is_beside(name))
    found: list[HarnessFile] = []
    first = editable if by_loop else frozenset(name for name in names if name.lower().endswith(_PROMPTS))
    for name in sorted(names, key=lambda name: (name not in first, name)):
        if len(found) == MAX_FILES:
            break
        if (size := _plain_size(folder, name)) is not None:
            found.append(HarnessFile(name, size, name in editable))
    return found


def is_beside(path: str) -> bool:
    """Whether a path is documentation, a test or a result, and so no part of the harness."""
    *folders, name = (part.lower() for part in PurePosixPath(path).parts)
    if any(folder in BESIDE_FOLDERS for folder in folders):
        return True
    return PurePosixPath(name).suffix in _TEXT_ENDS and any(fnmatch(name, glob) for glob in BESIDE_FILES)


def _names(folder: Path, *, untracked: bool) -> set[str]:
    more = ("--others", "--exclude-standard") if untracked else ()
    try:
        out = run_git(folder, "ls-files", "-z", "--cached", *more, "--", ".")
    except HaloError:
        return set(_walked(folder))
    return {name.decode("utf-8", "replace") for name in out.split(b"\0") if name}


def _of_loop(folder: Path, loop: Path, names: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """What of the files is editable; and that, what the loop's commands start, and what either of them imports."""
    try:
        config = load_config(loop)
        patterns = [glob_pattern(glob) for glob in config.harness.editable]
    except HaloError:
        return frozenset(), frozenset()
    root = config.harness_root.resolve()
    inside = f"{root.relative_to(folder).as_posix()}/" if root != folder and root.is_relative_to(folder) else ""
    below = frozenset(name.removeprefix(inside) for name in names if name.startswith(inside))
    commands = (config.harness.command, config.harness.describe, config.harness.check, config.tasks.command)
    editable = {name for name in below if any(pattern.fullmatch(name) for pattern in patterns)}
    start = set(editable)
    start.update(*(modules_in(words or (), below) for words in commands))

    def text(name: str) -> str:
        return (_read(folder, inside + name) or b"").decode("utf-8", "replace")

    served = frozenset(inside + name for name in reached(start, below, text))
    return frozenset(inside + name for name in editable), served


def text_of(context: ToolContext, path: str) -> str:
    """The redacted text of one of these files. Raises ToolRefused for any other path, and for what is no text."""
    for file in files_of(context):
        if file.path == path:
            text = text_in(folder_of(context), file)
            if text is None:
                raise ToolRefused(
                    f"{path[:120]!r} is no text, longer than {MAX_FILE_BYTES} bytes, or holds several secrets; read"
                    " another file"
                )
            return text
    raise ToolRefused(
        f"{path[:120]!r} is not a file of the harness that can be read; 'harness_files' without a path lists them"
    )


def text_in(folder: Path, file: HarnessFile) -> str | None:
    """The redacted text of a file of `files_of`; None where it is no text, too long, gone, or full of secrets."""
    data = _read(folder, file.path)
    if data is None or b"\0" in data:
        return None
    return shown_text(file.path, data.decode("utf-8", "replace"))


def shown_text(path: str, text: str) -> str | None:
    """A file's text, or a part of it, without secrets; None where there are so many that it is a store of them."""
    clean, counts = redact(text)
    most = _MOST_IN_CODE if path.lower().endswith(_CODE) else _MOST_SECRETS
    return clean if sum(counts.values()) <= most else None


def _read(folder: Path, name: str) -> bytes | None:
    """The bytes of a plain file of at most MAX_FILE_BYTES; None for anything else."""
    size = _plain_size(folder, name)
    if size is None or size > MAX_FILE_BYTES:
        return None
    try:
        # What takes the file's place meanwhile is neither followed nor waited for.
        number = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(number, "rb") as opened:
            return opened.read(MAX_FILE_BYTES) if _is_plain(os.fstat(number)) else None
    except OSError:
        return None


def readable(path: str) -> bool:
    """Whether nothing in the path's names says that it holds a secret, and it stays within its folder."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or not path.isprintable():
        return False
    lower = [part.lower() for part in parts]
    if lower[-1].endswith(_CODE) and not lower[-1].startswith("."):
        lower.pop()
    return not any(_SECRET_WORDS.search(part) or any(fnmatch(part, glob) for glob in _SECRET) for part in lower)


def _plain_size(folder: Path, name: str) -> int | None:
    """The size of a plain file that is reached without any link; None for anything else."""
    place = folder
    try:
        for part in PurePosixPath(name).parts:
            place /= part
            found = place.lstat()
            if stat.S_ISLNK(found.st_mode):
                return None
    except OSError:
        return None
    return found.st_size if _is_plain(found) else None


def _is_plain(found: os.stat_result) -> bool:
    """Whether this is a file that no second name, which may lie outside the folder, belongs to."""
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _walked(folder: Path) -> list[str]:
    names: list[str] = []
    pending = [folder]
    while pending and len(names) < 10 * MAX_FILES:
        for entry in sorted(pending.pop().iterdir()):
            if entry.name.startswith(".") or entry.name == "__pycache__" or entry.is_symlink():
                continue
            if entry.is_dir():
                pending.append(entry)
            else:
                names.append(entry.relative_to(folder).as_posix())
    return names
