"""Count the rooms of a package and the imports between them: `python scripts/rooms.py [--list] [PACKAGE ...]`.

A room is a direct child of the package, a folder or a file. An arrow from one room to another stands for any number of
imports, whether at the top of a module or inside a function.
"""

import argparse
import ast
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def modules_of(package: str) -> dict[str, Path]:
    """Every module of a package under its dotted name; a folder's `__init__.py` stands under the folder's name."""
    found: dict[str, Path] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of the package that one file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            found.update(known for known in (name, name.rpartition(".")[0]) if known in modules)
    return found


def room_of(module: str) -> str:
    """The room that a module lies in; the package's own `__init__` is no room."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def main() -> int:
    """Print one line a package, and with `--list` each room with the rooms that it imports."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("packages", nargs="*", default=["halo_opt", "harness"])
    parser.add_argument("--list", action="store_true", help="show each room with the rooms that it imports")
    given = parser.parse_args()
    for package in given.packages:
        modules = modules_of(package)
        arrows: set[tuple[str, str]] = set()
        importers: Counter[str] = Counter()
        for module, path in modules.items():
            targets = imported(path, modules) - {module}
            importers.update(targets)
            arrows |= {(room_of(module), room_of(target)) for target in targets}
        arrows = {(here, there) for here, there in arrows if here and there and here != there}
        rooms = {room_of(module) for module in modules} - {"", "__main__"}
        lines = sum(len(path.read_text().splitlines()) for path in modules.values())
        once = sum(count == 1 for count in importers.values())
        sys.stdout.write(
            f"{package}: {len(rooms)} rooms, {len(arrows)} arrows, {len(modules)} modules "
            f"({once} with one importer), {lines:,} lines\n"
        )
        if given.list:
            for room in sorted(rooms):
                sys.stdout.write(f"  {room}: {' '.join(sorted(there for here, there in arrows if here == room))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
