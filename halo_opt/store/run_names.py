"""Names of runs that their files do not name: a file's or folder's name, with more of its path where two are equal."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from halo_opt.store.files.opening import stem

# Folders that Codex makes for each day, and Claude Code for the sub-agents of a session.
_DAY = re.compile(r"/\d{4}/\d\d/\d\d$")
_SUBAGENTS = "subagents"
_HEIGHT = 3


class RunNames:
    """The names of the runs of one build. They depend on which sources there are, not on the order of reading.

    Args:
        sources: path and format of every source of the build.
    """

    def __init__(self, sources: Iterable[tuple[Path, str]] = ()) -> None:
        places = [(path.resolve(), format_name) for path, format_name in sources]
        self._sources = Counter((folder_of(path), format_name) for path, format_name in places)
        self._files = _told_apart(path.with_name(stem(path)) for path, _ in places)
        above = [[path, *path.parents][: _HEIGHT + 1] for path, _ in places]
        self._folders = _told_apart(folder for folders in above for folder in folders if folder.is_dir())

    def of_file(self, path: Path) -> str:
        """The name of a run that is one file."""
        place = path.resolve()
        place = place.with_name(stem(place))
        return self._files.get(place, place.name)

    def of_folder(self, folder: Path) -> str:
        """The name of a run that is a folder."""
        place = folder.resolve()
        return self._folders.get(place, place.name) or "traces"

    def differ(self, others: "RunNames", path: Path, format_name: str) -> bool:
        """Whether a source's run has another name among other sources."""
        folder = folder_of(path.resolve())
        return (
            self.is_alone(path, format_name) != others.is_alone(path, format_name)
            or self.of_file(path) != others.of_file(path)
            or self.of_folder(folder) != others.of_folder(folder)
        )

    def is_alone(self, path: Path, format_name: str) -> bool:
        """Whether a file is the only one of its format in its folder."""
        return self._sources[folder_of(path.resolve()), format_name] <= 1


def folder_of(path: Path) -> Path:
    """The folder to which the attempts of a file belong: its own, or the one above those that programs make in it."""
    folder = path.parent
    if folder.name == _SUBAGENTS and len(folder.parents) > 1:
        return folder.parents[1]
    return folder.parents[2] if _DAY.search(str(folder)) else folder


def _told_apart(places: Iterable[Path]) -> dict[Path, str]:
    """The name of each place: the last part of its path, or as many parts as no other place shares."""
    named: dict[str, set[Path]] = defaultdict(set)
    for place in places:
        named[place.name].add(place)
    found: dict[Path, str] = {}
    for name, same in named.items():
        length = 1
        while len({place.parts[-length:] for place in same}) < len(same):
            length += 1
        found.update({place: "/".join(place.parts[-length:]) if length > 1 else name for place in same})
    return found
