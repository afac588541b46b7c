"""Which Jinja templates could make a small value very large, told from their syntax tree alone."""

from jinja2 import nodes

# Filters whose result can be several times as long as what they are given.
_GROWING = {"tojson", "join", "escape", "e", "urlencode", "indent", "center", "format", "replace", "pprint", "wordwrap"}
_MOST_FILTERS = 6
_LONGEST_CONSTANT = 200


def growth_problem(tree: nodes.Template) -> str | None:
    """Why rendering could take very much memory, as the end of a sentence about the template; None when it cannot."""
    for node in tree.find_all(nodes.Filter):
        chain = list(node.find_all(nodes.Filter))
        if node.name in _GROWING and any(inner.name in _GROWING for inner in chain):
            return f"apply filters that make a value longer one after another ({node.name}); apply one of them"
        if len(chain) >= _MOST_FILTERS:
            return f"apply more than {_MOST_FILTERS} filters to one value"
        if node.name in _GROWING and not all(map(_is_short, (*node.args, *node.kwargs))):
            return f"give the filter {node.name} something other than a short constant"
    return None


def _is_short(argument: nodes.Node) -> bool:
    value = argument.value if isinstance(argument, nodes.Keyword) else argument
    return isinstance(value, nodes.Const) and len(str(value.value)) <= _LONGEST_CONSTANT
