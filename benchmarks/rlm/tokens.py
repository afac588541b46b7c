"""`python -m benchmarks.rlm.tokens [--runs PATH] [--traces 100 1000]`: tokens of our engine and the HALO engine.

Both engines run for real on the same traces and are asked the same questions; the model alone is played, by a local
server that keeps every prompt. Prints Markdown tables; nothing is estimated that could be counted.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.make_traces import EXCERPT, count_of, make
from benchmarks.rlm import our_side, peer_side
from benchmarks.rlm.counting import Counter
from benchmarks.rlm.halo_agent import VERSION, installed
from benchmarks.rlm.peer_side import ALONE, LEAST, TOLD
from benchmarks.rlm.questions import FACTS, QUESTIONS, Asked
from benchmarks.rlm.wire import Exchange
from halo_opt.mining.mine import mine_store
from halo_opt.store import Store, build_store

HERE = Path(__file__).parents[1]
# What a chat's frame takes for each message, whatever is in it.
PER_MESSAGE = 4
# Providers keep prefixes of at least so many tokens and ask a tenth for what they kept.
LEAST_CACHED, CACHED_PRICE = 1024, 0.1
OURS = "ours"
SESSION = "all in one session"


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens of some calls. `fixed` are those of `tokens_in` in tools, schema and system prompt, `cached` those that a
    provider had seen at the beginning of an earlier prompt."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    fixed: int = 0
    cached: int = 0

    def __add__(self, other: "Used") -> "Used":
        mine, theirs = asdict(self), asdict(other)
        return Used(**{name: mine[name] + theirs[name] for name in mine})

    @property
    def all(self) -> int:
        return self.tokens_in + self.tokens_out

    @property
    def without_fixed(self) -> int:
        return self.all - self.fixed

    @property
    def with_caching(self) -> float:
        return self.all - (1 - CACHED_PRICE) * self.cached


KINDS: dict[str, Callable[[Used], float]] = {
    "as sent": lambda used: used.all,
    "without tools, schema and system prompt": lambda used: used.without_fixed,
    f"cached prefixes at {CACHED_PRICE:g}": lambda used: used.with_caching,
}


@dataclass(frozen=True, slots=True)
class Line:
    """What one side used for one question (or for all in one session), and how many it answered rightly."""

    question: str
    side: str
    used: Used
    answered: int
    asked: int


def used(exchanges: Sequence[Exchange], count: Counter) -> Used:
    """The tokens of these calls, in their order."""
    count.learn(text for e in exchanges for text in [*(piece.text for piece in e.prompt), *e.reply])
    total = Used()
    seen: list[list[str]] = []
    for exchange in exchanges:
        texts = [piece.text for piece in exchange.prompt]
        sizes = [count(text) + PER_MESSAGE for text in texts]
        kept = max((_kept(texts, sizes, earlier, count) for earlier in seen), default=0)
        seen.append(texts)
        total += Used(
            calls=1,
            tokens_in=sum(sizes),
            tokens_out=sum(count(text) for text in exchange.reply),
            fixed=sum(size for size, piece in zip(sizes, exchange.prompt, strict=True) if piece.fixed),
            cached=kept if kept >= LEAST_CACHED else 0,
        )
    return total


def _kept(texts: Sequence[str], sizes: Sequence[int], earlier: Sequence[str], count: Counter) -> int:
    """Tokens of a prompt up to where it first differs from an earlier one, be that within a message."""
    same = next((n for n, (a, b) in enumerate(zip(texts, earlier, strict=False)) if a != b), len(earlier))
    if same >= min(len(texts), len(earlier)):
        return sum(sizes[:same])
    return sum(sizes[:same]) + count(_beginning(texts[same], earlier[same]))


def _beginning(one: str, other: str) -> str:
    """What two texts have in common from their first character on."""
    return one[: next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(other))]


Ask = Callable[[Sequence[Asked]], tuple[list[bool], list[Exchange]]]


def measure(asked: Sequence[Asked], sides: dict[str, Ask], count: Counter) -> Iterator[Line]:
    """Each question by itself, then all in one session, on every side."""
    groups = [(one.question.name, [one]) for one in asked]
    for name, group in [*groups, (SESSION, list(asked))]:
        for side, ask in sides.items():
            right, exchanges = ask(group)
            yield Line(name, side, used(exchanges, count), sum(right), len(right))
            _tell(f"{name}, {side}: {sum(right)} of {len(right)} answered, {len(exchanges)} calls")


def facts_of(store: Store) -> list[Asked]:
    """The questions about these traces with their right answers."""
    facts = {name: str(store.rows(sql)[0][0]) for name, sql in FACTS.items()}
    questions = [question.about(facts) for question in QUESTIONS]
    return [Asked(q, tuple(store.columns(q.sql)), tuple(store.rows(q.sql))) for q in questions]


def table(lines: Sequence[Line]) -> list[str]:
    """A row a question, a group of columns a side; it says where a side did not answer."""
    sides = list(dict.fromkeys(line.side for line in lines))
    heads = [f"{side}: calls | in | out" + ("" if side == OURS else " | ours / it") for side in sides]
    rows = ["| question | " + " | ".join(heads) + " |"]
    rows.append("| --- |" + " ---: |" * (3 * len(sides) + sum(side != OURS for side in sides)))
    by = {(line.question, line.side): line for line in lines}
    for name in dict.fromkeys(line.question for line in lines):
        cells = [name]
        for side in sides:
            line = by[name, side]
            cells += [str(line.used.calls), f"{line.used.tokens_in:,}", f"{line.used.tokens_out:,}"]
            cells += [] if side == OURS else [_ratio(by[name, OURS], line)]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _ratio(ours: Line, theirs: Line) -> str:
    missing = [f"{line.side} {line.answered} of {line.asked}" for line in (ours, theirs) if line.answered < line.asked]
    ratio = f"{ours.used.all / theirs.used.all:.2f}"
    return f"{ratio} (answered: {', '.join(missing)})" if missing else ratio


def totals(lines: Sequence[Line]) -> list[str]:
    """Sums over the questions that every side answered, and the session, as sent, without what is fixed, and cached."""
    sides = list(dict.fromkeys(line.side for line in lines))
    alone = [name for name in dict.fromkeys(line.question for line in lines) if name != SESSION]
    others = [side for side in sides if side != OURS]
    rows = ["| what is counted | " + " | ".join([*sides, *(f"ours / {side}" for side in others)]) + " |"]
    rows.append("| --- |" + " ---: |" * (2 * len(sides) - 1))
    answered = [name for name in alone if _by_all(lines, name)]
    for words, names in ((f"{len(answered)} questions, each alone", answered), (SESSION, [SESSION])):
        kept = [line for line in lines if line.question in names]
        sums = {side: sum((line.used for line in kept if line.side == side), Used()) for side in sides}
        for kind, take in KINDS.items():
            ours = take(sums[OURS])
            ratios = [f"{ours / take(sums[side]):.2f}" if take(sums[side]) else "-" for side in others]
            cells = [f"{words}, {kind}", *(f"{take(sums[side]):,.0f}" for side in sides), *ratios]
            rows.append("| " + " | ".join(cells) + " |")
    return rows


def _by_all(lines: Sequence[Line], name: str) -> bool:
    return all(line.answered == line.asked for line in lines if line.question == name)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rlm.tokens", description=__doc__)
    parser.add_argument("--runs", type=Path, default=EXCERPT, help="tau-bench runs that the traces are made of")
    parser.add_argument("--traces", type=count_of, nargs="+", default=[100], help="how many traces, such as 100 1k")
    parser.add_argument("--questions", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--data", type=Path, default=HERE / ".data", help="where traces are kept for the next time")
    parser.add_argument("--peer", type=Path, default=HERE / ".venv-peer-agent", help="the HALO engine's environment")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--out", type=Path, help="a JSON file for all figures")
    given = parser.parse_args(arguments)
    python = None if given.no_peer else installed(given.peer.absolute())
    if python is None:
        _tell("without the HALO engine: only our side is measured, in bytes / 4")
    count = Counter(python)
    told: dict[str, list[dict[str, object]]] = {}
    for size in given.traces:
        with contextlib.ExitStack() as stack:
            lines, code = _measured(given, size, python, count, stack)
        peer = f" HALO engine {VERSION}; its run_code ran in {code}." if code else ""
        print(f"\n## {size:,} traces ({count.how})\n\n" + "\n".join([*table(lines), "", *totals(lines)]))
        print(f"\nAnswered: {_answered(lines)}.{peer}", flush=True)
        told[str(size)] = [asdict(line) for line in lines]
    if given.out:
        given.out.write_text(json.dumps(told, indent=1))


def _measured(
    given: argparse.Namespace, size: int, python: Path | None, count: Counter, stack: contextlib.ExitStack
) -> tuple[list[Line], str]:
    """All lines of one size, and what ran the peer's code."""
    traces = make(given.runs, "lean", size, given.data)
    store_file = traces.with_suffix(".duckdb")
    build_store([traces], store_file)
    store = stack.enter_context(Store.open(store_file))
    asked = [one for one in facts_of(store) if not given.questions or one.question.name in given.questions]
    report = mine_store(store, [], title=traces.stem, made_at="")
    sides: dict[str, Ask] = {OURS: partial(our_side.ask, store, report)}
    if python is None:
        return list(measure(asked, sides, count)), ""
    engine = stack.enter_context(peer_side.running(python, traces, given.data))
    for way in (TOLD, ALONE, LEAST):
        sides[f"HALO {way}"] = partial(engine.ask, way=way)
    return list(measure(asked, sides, count)), engine.code


def _answered(lines: Sequence[Line]) -> str:
    sides = dict.fromkeys(line.side for line in lines)
    own = {side: [line for line in lines if line.side == side and line.question != SESSION] for side in sides}
    return ", ".join(
        f"{side} {sum(x.answered for x in own[side])} of {sum(x.asked for x in own[side])}" for side in sides
    )


if __name__ == "__main__":
    main()
