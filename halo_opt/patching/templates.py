"""What an edit may do to a Jinja prompt: add words and simple constructs, no calls, arithmetic or macros.

Nor may it add a condition that picks out a task: one that depends on the goal, the page or the like, or that compares
a variable with words which the prompt did not compare with words before.

Templates are only parsed here, neither compiled nor rendered: Jinja folds constants while compiling, so
`{{ 'x' * 10**10 }}` ends a process before anything is rendered.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from jinja2 import Environment, TemplateSyntaxError, nodes

from halo_common.templates import growth_problem

SUFFIXES = (".j2", ".jinja", ".jinja2")

# Everything else (arithmetic, calls, imports, macros, assignments) may stay where it is, but an edit adds none.
_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.If,
    nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter, nodes.Test,
)  # fmt: skip
# Filters that cannot make much of little: no `center`, `indent`, `format`, `replace`, `batch`, `map`.
_FILTERS = {
    "trim", "upper", "lower", "capitalize", "title", "join", "length", "count", "default", "d", "escape", "e",
    "tojson", "first", "last", "sort", "unique", "string", "int", "round", "list",
}  # fmt: skip
# Filters that print a value whole.
_PRINTING = {"trim", "upper", "lower", "capitalize", "title", "default", "d", "escape", "e", "tojson", "string"}
# Words in the names of variables whose values differ from task to task.
_OF_A_TASK = {
    "goal", "goals", "task", "tasks", "page", "pages", "observation", "observations", "obs", "seed", "seeds", "attempt",
    "trial", "instruction", "instructions", "question", "query", "url", "html", "dom", "screenshot", "site", "domain",
    "objective", "utterance", "request", "issue", "ticket",
}  # fmt: skip
_DECIDING = (nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Test)
_LINES = {"trim_blocks": True, "lstrip_blocks": True}
_TAG = re.compile(r"\{%(.*?)%\}|\{\{(.*?)\}\}", re.DOTALL)
_CHOOSES = re.compile(r"\bif\b|[=!]=|\w\[|\|\s*(?:length|count|first|last|select|reject)")
# In texts for `str.format`, double braces are plain braces.
_KEY = re.compile(r"[\"']\s*:")
_NAME = re.compile(r"[A-Za-z_]\w*")


def template_problem(before: str, after: str, *, conditions_on: Iterable[str] = ()) -> str | None:
    """Why the new text of a prompt may not be used; None when it may.

    `conditions_on` names variables that conditions may test whatever they hold.
    """
    environment = Environment(autoescape=False)  # text for a model; nothing is rendered here
    try:
        new = environment.parse(after)
    except TemplateSyntaxError as error:
        return f"they leave the template broken at line {error.lineno}: {error.message}"
    except RecursionError:
        return "they nest the template's expressions too deep"
    old = _parsed(environment, before)
    try:
        return _added_problem(old, new, frozenset(conditions_on))
    except RecursionError:
        return "they nest the template's expressions too deep"


def _parsed(environment: Environment, text: str) -> nodes.Template:
    """The tree of a template; an empty one where it cannot be parsed."""
    try:
        return environment.parse(text)
    except (TemplateSyntaxError, RecursionError):
        return nodes.Template([])


def _added_problem(old: nodes.Template, new: nodes.Template, conditions_on: frozenset[str]) -> str | None:
    added = _constructs(new) - _constructs(old)
    if added:
        return f"they add template constructs that edits may not add ({', '.join(sorted(added))})"
    strange = _variables(new) - _variables(old)
    if strange:
        return f"they use {', '.join(sorted(strange))}, which this prompt is not given"
    if (growth := growth_problem(new)) and growth != growth_problem(old):
        return f"they {growth}"
    # Nodes hash by identity, so equal ones are found by what they print.
    decisions, compared = {repr(decision): decision for decision in _decisions(new)}, _compared_with_words(old)
    added = Counter(map(repr, _decisions(new))) - Counter(map(repr, _decisions(old)))
    for decision in (decisions[shown] for shown in added):
        tests = (
            ("add a condition on {}", _names(decision) & _of_a_task(new)),
            ("test the length of a text of {}", _measured_texts(decision, new)),
            ("compare {} with words", _compared_in(decision) - compared),
        )
        for what, names in tests:
            if named := sorted(names - conditions_on):
                return (
                    f"they {what.format(named[0])}, which can pick out single tasks; a person can allow it with "
                    f"harness.conditions_on: [{named[0]}] in loop.yaml"
                )
    return None


def tag_problem(before: str, after: str, *, conditions_on: Iterable[str] = ()) -> str | None:
    """Why a text file that is no template by its name may not get the template tags that it gets; None when it may."""
    added = Counter(match.group() for match in _TAG.finditer(after))
    added -= Counter(match.group() for match in _TAG.finditer(before))
    for tag in added:
        named = {name for name in _NAME.findall(tag) if _tells_tasks_apart(name)} - frozenset(conditions_on)
        if named and (tag.startswith("{%") or (_CHOOSES.search(tag) and not _KEY.search(tag))):
            return (
                f"they add a condition on {min(named)}, which can pick out single tasks; a person can allow it with "
                f"harness.conditions_on: [{min(named)}] in loop.yaml"
            )
    return None


def constant_text(source: str) -> str:
    """All the words of a template in one: its text and its constants, in order, without what stands between them."""
    tree = _parsed(Environment(autoescape=False, **_LINES), source)  # type: ignore[arg-type]
    parts = []
    try:
        for node in _in_order(tree):
            if isinstance(node, nodes.TemplateData):
                parts.append(node.data)
            elif isinstance(node, nodes.Const) and isinstance(node.value, str):
                parts.append(node.value)
    except RecursionError:
        return source
    return "".join(parts)


def _in_order(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _in_order(child)


def _constructs(tree: nodes.Template) -> Counter[str]:
    """How often each construct outside the allow-list occurs."""
    found: Counter[str] = Counter()
    for node in tree.find_all(nodes.Node):
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            found[f"filter {node.name}"] += 1
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            found[f"attribute {node.attr}"] += 1
        elif not isinstance(node, _ALLOWED):
            found[type(node).__name__.lower()] += 1
    return found


def _variables(tree: nodes.Template) -> set[str]:
    """The names that a template reads and does not bind itself: the values it must be given."""
    names = list(tree.find_all(nodes.Name))
    bound = {n.name for n in names if n.ctx != "load"}
    return {n.name for n in names if n.ctx == "load"} - bound - {"loop"}


def _decisions(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Every expression on which it depends what is printed: conditions, what loops go over, and choosing outputs."""
    for node in tree.iter_child_nodes():
        if isinstance(node, nodes.If | nodes.CondExpr):
            yield node.test
        elif isinstance(node, nodes.For):
            yield node.iter
            if node.test is not None:
                yield node.test
        elif isinstance(node, _DECIDING) or (isinstance(node, nodes.Filter) and node.name not in _PRINTING):
            yield node
        yield from _decisions(node)


def _names(expression: nodes.Node) -> set[str]:
    """The variables and attributes that an expression reads."""
    nodes_of = [expression, *expression.find_all(nodes.Node)]
    variables = {node.name for node in nodes_of if isinstance(node, nodes.Name)}
    return variables | {node.attr for node in nodes_of if isinstance(node, nodes.Getattr)}


def _of_a_task(tree: nodes.Template) -> set[str]:
    """The names of a template that tell tasks apart, and the names of loops over them."""
    found = {name for name in _names(tree) if _tells_tasks_apart(name)}
    for loop in tree.find_all(nodes.For):
        if _names(loop.iter) & found:
            found |= _names(loop.target)
    return found


def _tells_tasks_apart(name: str) -> bool:
    return not _OF_A_TASK.isdisjoint(re.split(r"[_\d]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))


def _compared_with_words(tree: nodes.Template) -> set[str]:
    return {name for decision in _decisions(tree) for name in _compared_in(decision)}


def _measured_texts(expression: nodes.Node, tree: nodes.Template) -> set[str]:
    """The names whose texts an expression measures: the length of an item of a loop, or of what a filter gives."""
    items = {name for loop in tree.find_all(nodes.For) for name in _names(loop.target)}
    found: set[str] = set()
    for node in [expression, *expression.find_all(nodes.Filter)]:
        if isinstance(node, nodes.Filter) and node.name in ("length", "count") and node.node is not None:
            names = _names(node.node)
            found |= names if isinstance(node.node, nodes.Filter) else names & items
    return found


def _compared_in(expression: nodes.Node) -> set[str]:
    """The names that an expression compares with a text constant."""
    found: set[str] = set()
    for node in [expression, *expression.find_all((nodes.Compare, nodes.Test))]:
        is_comparison = isinstance(node, nodes.Compare | nodes.Test)
        if is_comparison and any(isinstance(const.value, str) for const in node.find_all(nodes.Const)):
            found |= _names(node)
    return found
