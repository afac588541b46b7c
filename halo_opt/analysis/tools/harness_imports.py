"""Which files of a folder a file imports: Python, JavaScript and Jinja, told from its text alone."""

import ast
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

_SCRIPT = (".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx")
_TEMPLATE = (".j2", ".jinja", ".jinja2")
_FROM = re.compile(r"""(?:from|import|require\()\s*\(?["'](\.[^"'\n]{1,200})["']""")
_INCLUDED = re.compile(r"""\{%-?\s*(?:include|extends|import|from)\s+["']([^"'\n]{1,200})["']""")


def reached(start: Iterable[str], names: frozenset[str], text_of: Callable[[str], str]) -> set[str]:
    """Those of `names` that can be reached from `start` by imports, `start` included."""
    found = set(start) & names
    modules = _modules(names)
    waiting = deque(found)
    while waiting:
        name = waiting.popleft()
        for other in _imported(name, text_of(name), names, modules):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def modules_in(words: Iterable[str], names: frozenset[str]) -> Iterator[str]:
    """The files that the words of a command start: `agent.py`, or `-m package`."""
    modules = _modules(names)
    for word in words:
        path = word.removeprefix("./")
        if path in names:
            yield path
        for module in (word, f"{word}.__main__"):
            if module in modules:
                yield modules[module]


def _modules(names: Iterable[str]) -> Mapping[str, str]:
    """The Python modules among the files, by their dotted names from the folder and from its src folder."""
    found = {}
    for name in names:
        if name.endswith(".py"):
            parts = name.removesuffix(".py").removesuffix("/__init__").split("/")
            found[".".join(parts)] = name
            if parts[0] == "src":
                found[".".join(parts[1:])] = name
    return found


def _imported(name: str, text: str, names: frozenset[str], modules: Mapping[str, str]) -> Iterator[str]:
    folder = PurePosixPath(name).parent
    if name.endswith(".py"):
        yield from (modules[module] for module in _python_imports(name, text) if module in modules)
    elif name.endswith(_SCRIPT):
        for path in _FROM.findall(text):
            base = _joined(folder, path)
            ends = ("", *_SCRIPT, *(f"/index{end}" for end in _SCRIPT))
            yield from (base + end for end in ends if base + end in names)
    elif name.endswith(_TEMPLATE):
        for path in _INCLUDED.findall(text):
            yield from (found for found in (_joined(folder, path), path) if found in names)


def _joined(folder: PurePosixPath, path: str) -> str:
    parts: list[str] = []
    for part in (folder / path).parts:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return "/".join(parts)


def _python_imports(name: str, text: str) -> Iterator[str]:
    """The dotted names of modules that a file may import, those beside it included."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    package = name.removesuffix(".py").split("/")[:-1]
    beside = ".".join(package)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            wanted = [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
        else:
            continue
        for module in wanted:
            parts = module.split(".")
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))
            if beside:
                yield f"{beside}.{module}"
