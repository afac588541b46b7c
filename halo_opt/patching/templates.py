"""What an edit may do to a Jinja prompt: add words and simple constructs, no calls, arithmetic or macros.

Templates are only parsed here, neither compiled nor rendered: Jinja folds constants while compiling, so
`{{ 'x' * 10**10 }}` ends a process before anything is rendered.
"""

from collections import Counter

from jinja2 import Environment, TemplateSyntaxError, nodes

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


def template_problem(before: str, after: str) -> str | None:
    """Why the new text of a prompt may not be used; None when it may."""
    environment = Environment(autoescape=False)  # text for a model; nothing is rendered here
    try:
        new = environment.parse(after)
    except TemplateSyntaxError as error:
        return f"they leave the template broken at line {error.lineno}: {error.message}"
    try:
        old = environment.parse(before)
    except TemplateSyntaxError:
        old = nodes.Template([])
    added = _constructs(new) - _constructs(old)
    if added:
        return f"they add template constructs that edits may not add ({', '.join(sorted(added))})"
    strange = _variables(new) - _variables(old)
    if strange:
        return f"they use {', '.join(sorted(strange))}, which this prompt is not given"
    return None


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
