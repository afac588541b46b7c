"""Which agent each span of a trace belongs to, where several agents work together or the one has a name."""

from collections.abc import Sequence
from typing import Protocol


class AgentSpan(Protocol):
    """A span with the agent that it names itself, if any."""

    @property
    def span_id(self) -> str: ...  # noqa: D102 (a column)
    @property
    def parent_span_id(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def agent(self) -> str | None: ...  # noqa: D102


def agents_of(spans: Sequence[AgentSpan]) -> dict[str, str]:
    """The agent of each span by its id: the one that the span names, else that of the span around it.

    An AGENT span that names none is called by its own name, but only where there are others.

    Args:
        spans: all spans of one trace.

    Returns:
        The agents; spans that belong to none are left out.
    """
    named = {span.span_id: span.agent for span in spans if span.agent}
    titles = {span.span_id: span.name.removeprefix("invoke_agent ") for span in spans if span.kind == "AGENT"}
    if len(set({**titles, **{span_id: named[span_id] for span_id in titles.keys() & named.keys()}}.values())) > 1:
        named = {**titles, **named}
    if not named:
        return {}
    parents = {span.span_id: span.parent_span_id for span in spans}
    found: dict[str, str | None] = dict(named)
    for span_id in parents:
        path: list[str] = []
        here = span_id
        while here in parents and here not in found and here not in path:
            path.append(here)
            here = parents[here]
        found.update(dict.fromkeys(path, found.get(here)))
    return {span_id: agent for span_id, agent in found.items() if agent}
