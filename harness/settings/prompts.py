"""Renders the prompt files. An optimizer edits them, so they are treated as untrusted code.

A template's syntax tree is checked against an allow-list before it is compiled: jinja2 folds constants while compiling,
so `{{ 'x' * 10**10 }}` would take the process down before any check at render time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from halo_common.templates import growth_problem
from halo_common.text import did_you_mean
from harness.core.errors import UsageError

PROMPT_DIR = Path(__file__).parent.parent.parent / "prompts" / "harness"
ALLOWED_NODES = frozenset({
    "Template", "Output", "TemplateData", "Name", "Const", "If", "For", "CondExpr", "Compare", "Operand",
    "And", "Or", "Not", "Getattr", "Filter",
})  # fmt: skip
ALLOWED_FILTERS = frozenset({"join", "length", "trim", "tojson", "lower", "upper", "first", "last"})
MAX_SOURCE = 20_000
MAX_RENDERED = 60_000
# What each template may use. A variable that is not here is a mistake, found before any attempt runs.
VARIABLES: dict[str, frozenset[str]] = {
    "system.j2": frozenset({
        "addressing", "actions", "state_rules", "element_state", "few_shot", "keys", "navigation", "answer",
        "confidence",
    }),
    "worker.j2": frozenset({"goal", "page", "history", "notes", "step", "steps_left", "reason", "proposal"}),
    "retry.j2": frozenset({"problem"}),
}  # fmt: skip


def _depth_of_loops(node: nodes.Node) -> int:
    deepest = max((_depth_of_loops(child) for child in node.iter_child_nodes()), default=0)
    return deepest + int(isinstance(node, nodes.For))


def _check_tree(name: str, tree: nodes.Template) -> None:
    for node in [tree, *tree.find_all(nodes.Node)]:
        kind = type(node).__name__
        if kind not in ALLOWED_NODES:
            raise UsageError(f"{name}: {kind} is not allowed in a prompt; use text, variables, if and for")
        if isinstance(node, nodes.Filter) and node.name not in ALLOWED_FILTERS:
            raise UsageError(f"{name}: unknown filter '{node.name}'; {did_you_mean(node.name, ALLOWED_FILTERS)}")
        if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            raise UsageError(f"{name}: '.{node.attr}' is not allowed in a prompt")
    if _depth_of_loops(tree) > 1:
        raise UsageError(f"{name}: a loop inside a loop is not allowed in a prompt")
    if growth := growth_problem(tree):
        raise UsageError(f"{name}: its expressions {growth}")


class Prompts:
    """The prompt files of one folder. They are checked when read; rendering an undefined variable is an error."""

    def __init__(self, folder: Path = PROMPT_DIR) -> None:
        self._env = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )
        self._templates = {name: self._load(folder / name, name) for name in VARIABLES}

    def _load(self, path: Path, name: str) -> Any:
        try:
            source = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read: {error}") from None
        if len(source) > MAX_SOURCE:
            raise UsageError(f"{path} is {len(source)} characters long; a prompt has at most {MAX_SOURCE}")
        try:
            tree = self._env.parse(source)
            _check_tree(name, tree)
            unknown = sorted(find_undeclared_variables(tree) - VARIABLES[name])
            if unknown:
                raise UsageError(
                    f"{path}: unknown variable '{unknown[0]}'; {did_you_mean(unknown[0], VARIABLES[name])}"
                )
            return self._env.from_string(source)
        except TemplateError as error:
            raise UsageError(f"{path} is not a valid template: {error}") from None
        except RecursionError:
            raise UsageError(f"{path} is not a valid template: its expressions are nested too deep") from None

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """The text of one prompt without outer blank lines. Raises UsageError."""
        pieces: list[str] = []
        length = 0
        try:
            for piece in self._templates[name].generate(dict(values)):
                pieces.append(piece)
                length += len(piece)
                if length > MAX_RENDERED:
                    raise UsageError(f"{name} renders to more than {MAX_RENDERED} characters, the most that is allowed")
        except TemplateError as error:
            raise UsageError(f"{name} cannot be rendered: {error}") from None
        return "".join(pieces).strip()
