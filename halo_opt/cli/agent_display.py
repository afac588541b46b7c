"""Show what each agent does and what was spent so far, while an analysis runs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock

from rich.text import Text
from rich.tree import Tree

from halo_opt.analysis.records import Event
from halo_opt.core.console import Console
from halo_opt.core.text import counted, duration, printable
from halo_opt.llm.ledger import Budget, Spend

LINE = 100  # characters of what an agent does
SHOWN_AGENTS = 20  # more do not fit a terminal
PLAIN_SECONDS = 10.0


@dataclass
class _Agent:
    """The last event of one agent."""

    turn: int = 0
    activity: str = "waits until the traces are mined"
    ended: bool = False


class AgentDisplay:
    """Shows the events of agents. It may be called from any thread."""

    def __init__(
        self,
        console: Console,
        *,
        spent: Callable[[], Spend],
        budget: Budget,
        every: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a display.

        Args:
            console: Where it is drawn.
            spent: Gives what was spent so far.
            budget: The limits that the spend is shown against.
            every: Whether each event is shown (on a terminal a tree of agents), and not only one line of progress.
            clock: Gives the time in seconds.
        """
        self._console = console
        self._spent = spent
        self._budget = budget
        self._every = every
        self._clock = clock
        self._began = self._printed = clock()
        self._agents: dict[str, _Agent] = {"root": _Agent()}
        self._claims = 0
        self._lock = RLock()

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if event.kind == "stop":  # who pressed Ctrl-C waits for an answer
            self._console.say(event.words)
            return
        with self._lock:
            agent = self._agents.setdefault(event.agent, _Agent())
            agent.turn = max(agent.turn, event.turn)
            agent.activity = "waits for the model" if event.kind == "turn" else f"{event.kind}: {_line(event.words)}"
            agent.ended = event.kind == "end"
            self._claims += event.kind == "claim"
            if self._console.live:
                return
            if self._every:
                self._console.say(f"[{event.agent}, turn {event.turn}] {agent.activity} ({self._spend()})")
            elif self._clock() - self._printed >= PLAIN_SECONDS:
                self._printed = self._clock()
                self._console.say(self.summary())

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The display while the body runs."""
        with self._console.drawing(self.tree if self._every else self.line):
            yield

    def line(self) -> Text:
        """The summary, cut to one line."""
        with self._lock:
            return Text(self.summary(), no_wrap=True, overflow="ellipsis")

    def tree(self) -> Tree:
        """The tree of agents, with what each is doing."""
        with self._lock:
            tree = Tree(Text(self.summary()))
            places = {"": tree}
            # Those that still work first: what ended is of less interest than what is going on.
            chosen = sorted(sorted(self._agents, key=lambda name: self._agents[name].ended)[:SHOWN_AGENTS])
            for name in chosen:
                agent = self._agents[name]
                above = name.rpartition(".")[0]
                style = "dim" if agent.ended else ""
                words = Text(
                    f"{name} turn {agent.turn}  {agent.activity}", style=style, no_wrap=True, overflow="ellipsis"
                )
                places[name] = places.get(above, tree).add(words)
            return tree

    def summary(self) -> str:
        """Agents at work, turns, claims, spend and time, on one line."""
        with self._lock:
            working = sum(not agent.ended for agent in self._agents.values())
            turns = sum(agent.turn for agent in self._agents.values())
            parts = [
                f"{working} of {len(self._agents)} agents at work" if len(self._agents) > 1 else "1 agent",
                counted(turns, "turn"),
                counted(self._claims, "claim"),
                self._spend(),
                duration(self._clock() - self._began),
            ]
        return ", ".join(parts)

    def _spend(self) -> str:
        return spend_text(self._spent(), self._budget)


def spend_text(spent: Spend, budget: Budget) -> str:
    """What was spent, beside the limits of the budget: `14 calls, 81,200 tokens, $0.02 of $1.00`."""

    def of(limit: float | int | None, form: str) -> str:
        return "" if limit is None else f" of {format(limit, form)}"

    tokens = spent.tokens_in + spent.tokens_out
    parts = [
        counted(spent.calls, "call") if budget.calls is None else f"{spent.calls:,} of {counted(budget.calls, 'call')}",
        f"{tokens:,}{of(budget.tokens, ',')} tokens",
    ]
    if spent.cost_usd or budget.usd is not None:
        parts.append(f"${spent.cost_usd:.4f}" + ("" if budget.usd is None else f" of ${budget.usd:.2f}"))
    if spent.unpriced_calls:
        parts.append(f"{spent.unpriced_calls:,} without a known price")
    return ", ".join(parts)


def _line(text: str) -> str:
    """Text of a model or a trace, safe to print and cut to one line."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= LINE else f"{flat[: LINE - 1]}…"
