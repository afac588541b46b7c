"""The files of the harness as agents may read them: plain text files in its folder, redacted.

Links are not followed, and files whose names look like secrets are left out.
"""

import re
import stat
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.core.errors import HaloError
from halo_opt.git.command import run_git
from halo_opt.redaction import redact

MAX_FILES = 2_000
MAX_FILE_BYTES = 1_000_000
# Names of files that hold secrets or no text.
_SECRET = (
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.asc", "*.gpg", "*.ppk", "*.tfstate"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".netrc", ".npmrc", ".pypirc", ".pgpass", ".htpasswd"),
    *(".git", ".git-credentials", ".env*", "*.env", ".ssh", ".aws", ".gnupg", ".kube", ".docker"),
)
_SECRET_WORDS = re.compile(r"secret|credential|password|passwd|private|apikey|api[-_.]key|(^|[-_.])tokens?([-_.]|$)")
# Code and prompts about secrets are no secrets; what stands in them by mistake, redaction looks for.
_CODE = (".py", ".j2", ".md", ".js", ".ts", ".tsx", ".go", ".rs", ".java", ".sh", ".html", ".css")


@dataclass(frozen=True)
class HarnessFile:
    """A file by its path below the harness's folder, and its size in bytes."""

    path: str
    size: int


def folder_of(context: ToolContext) -> Path:
    """The harness's folder with no link left in it. Raises ToolRefused where none was given."""
    if context.harness is None:
        raise ToolRefused("the folder of the harness is not known here; see from the traces what it does")
    folder = context.harness.resolve()
    if not folder.is_dir():
        raise ToolRefused("the folder of the harness does not exist; see from the traces what it does")
    return folder


def files_of(context: ToolContext) -> list[HarnessFile]:
    """The plain files that git tracks or would track, by path, at most MAX_FILES; without git, those not hidden."""
    folder = folder_of(context)
    try:
        out = run_git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
        names = {name.decode("utf-8", "replace") for name in out.split(b"\0") if name}
    except HaloError:
        names = set(_walked(folder))
    found: list[HarnessFile] = []
    for name in sorted(names):
        if len(found) == MAX_FILES:
            break
        if readable(name) and (size := _plain_size(folder, name)) is not None:
            found.append(HarnessFile(name, size))
    return found


def text_of(context: ToolContext, path: str) -> str:
    """The redacted text of one of these files. Raises ToolRefused for any other path, and for what is no text."""
    for file in files_of(context):
        if file.path == path:
            text = text_in(folder_of(context), file)
            if text is None:
                raise ToolRefused(
                    f"{path[:120]!r} is not a text file, or is longer than {MAX_FILE_BYTES} bytes; read another file"
                )
            return text
    raise ToolRefused(
        f"{path[:120]!r} is not a file of the harness that can be read; 'harness_files' without a path lists them"
    )


def text_in(folder: Path, file: HarnessFile) -> str | None:
    """The redacted text of a file that `files_of` gave; None where it is no text, too long, or gone."""
    if file.size > MAX_FILE_BYTES or _plain_size(folder, file.path) is None:
        return None
    try:
        with (folder / file.path).open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES)
    except OSError:
        return None
    return None if b"\0" in data else redact(data.decode("utf-8", "replace"))[0]


def readable(path: str) -> bool:
    """Whether nothing in the path's names says that it holds a secret, and it stays within its folder."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        return False
    lower = [part.lower() for part in parts]
    if any(fnmatch(part, glob) for part in lower for glob in _SECRET):
        return False
    named = lower[:-1] if lower[-1].endswith(_CODE) else lower
    return not any(_SECRET_WORDS.search(part) for part in named)


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
    return found.st_size if stat.S_ISREG(found.st_mode) else None


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
