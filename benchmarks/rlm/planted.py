"""A hundred lies about real runs, and fifty true statements in the same forms, made from `Facts`."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from benchmarks.rlm.facts import Facts, Words

# No attempt, count or share of the runs is of this size, and no trace has this id.
ODD = 413
NOBODY = "deadbeefdeadbeefdeadbeefdeadbeef"


@dataclass(frozen=True)
class Planted:
    """A claim as a model submits it, marked by a word of its title that stands nowhere else.

    Attributes:
        kind: the kind of lie or statement.
        mark: the word.
        claim: the claim's fields.
        never: of a lie, what must not stand in the confirmed part of the report: words, a number's value (`=413`), the
            beginning of a quote (`^so`), or a category (`category=model`).
        gone: whether the whole claim must be missing there.
        listed: whether the report must say that it only lists attempts, and must not test it.
        kept: of a true statement, the words that must stand as they are.
    """

    kind: str
    mark: str
    claim: dict[str, Any]
    never: tuple[str, ...] = ()
    gone: bool = False
    listed: bool = False
    kept: str = ""


def mark(place: int) -> str:
    """A word for a number, without digits: a figure in a title would be struck."""
    return "Q" + "".join("abcdefghij"[int(digit)] for digit in f"{place:03d}") + "z"


class Planter:
    """Makes claims that are true except for the given fields."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._places = count(1)

    def claim(self, kind: str, words: str = "It takes its time.", **more: Any) -> Planted:
        """One claim; `more` are fields of `Planted`, or of the claim itself."""
        place = next(self._places)
        fields = {name: more.pop(name) for name in ("never", "gone", "listed", "kept") if name in more}
        told = {
            "title": f"Takes many turns {mark(place)}",
            "claim": words,
            # The same attempts by another SQL: a predicate is claimed once.
            "predicate_sql": f"{self.facts.predicate} AND length(task_id) < {1_000 + place}",
            "quotes": [quoted(self.facts.quote)],
            **{name: value for name, value in more.items() if name != "title"},
        }
        if "title" in more:
            told["title"] = f"{more['title']} {mark(place)}"
        return Planted(kind, mark(place), told, **fields)


def quoted(
    words: Words, text: str | None = None, *, trace_id: str | None = None, step: int | None = None
) -> dict[str, Any]:
    """A quote, or one that was altered."""
    return {
        "trace_id": words.trace_id if trace_id is None else trace_id,
        "step": words.step if step is None else step,
        "words": (words.text if text is None else text)[:500],
    }


def number(name: str, value: float, sql: str) -> dict[str, Any]:
    return {"name": name, "value": value, "sql": sql}


FAILURES = "SELECT count(*) FROM attempts WHERE outcome = 'failure'"
SUCCESSES = "SELECT count(*) FROM attempts WHERE outcome = 'success'"


def lies(facts: Facts) -> list[Planted]:
    """All of them, in a fixed order."""
    p = Planter(facts)
    return [*_figures(p), *_written(p), *_numbers(p), *_quotes(p), *_predicates(p), *_elsewhere(p)]


def _say(p: Planter, kind: str, *said: str) -> Iterator[Planted]:
    """Words that must not stand as they are."""
    for words in said:
        yield p.claim(kind, f"{words}.", never=(words,))


def _figures(p: Planter) -> Iterator[Planted]:
    t = p.facts
    rate, other = round(100 * t.fw / t.f), round(100 * t.sw / t.s)
    effect = t.fw / t.f - t.sw / t.s
    yield from _say(
        p, "wrong count", f"Seen in {ODD} of {t.f} failures", f"Seen in {t.fw} of {t.f + ODD} failures",
        f"Seen in {ODD} failures", f"It shows in {t.f} failures", f"{t.fw} successes show it",
        f"Only {t.sw} failures show it", f"It was seen {ODD} times", f"Of {ODD} attempts all show it",
    )  # fmt: skip
    yield from _say(
        p, "wrong rate", "97.3% of failures show it", "It is in 0.973 of failures", "A success rate of 97.3 percent",
        "97.3 per cent of attempts fail", "Its share is 97.3 pct", "It fails in 973 of every 1000 attempts",
    )  # fmt: skip
    yield from _say(
        p, "wrong base", f"{t.fw} of {t.s} failures show it", f"{t.sw} of {t.f} failures show it",
        f"{t.fw} of {t.f} successes show it", f"{rate}% of successes show it", f"{other}% of failures show it",
        f"{t.shown} of {t.f} failures show it", f"{t.f} of {t.f} failures show it", f"It fails in {rate}% of cases",
        "It has a success rate of 100%", "100% of runs succeed",
    )  # fmt: skip
    yield from _say(
        p, "cause by the number", f"It causes {ODD} failures", "It explains 97.3% of failures",
        f"Mending it would save {ODD} attempts", f"It costs ${ODD}.17 a day", "Without it 97.3 percent would succeed",
    )  # fmt: skip
    points = round(100 * effect)
    yield from _say(
        p, "opposite sign", f"Attempts that show it fail {points} points less often",
        f"Attempts that show it succeed {points} points more often", "Attempts that show it fail less often",
        "It makes an attempt more likely to succeed", "Showing it reduces failures",
        f"It moves the failure rate by -{points} points",
    )  # fmt: skip


def _written(p: Planter) -> Iterator[Planted]:
    yield from _say(
        p, "spelled out", "Four hundred and thirteen of the failures show it", "Nine hundred and thirteen failures",
        "Nine in ten attempts show it and fail", "It fails seventeen times as often", "A hundredth of the failures",
        "Ninety-nine percent of successes", "A dozen dozen of them fail", "It is tenfold in failures",
        "All failures show it", "No success shows it", "Nearly all successes show it",
    )  # fmt: skip
    scripts = ("\uff14\uff11\uff13", "\u0664\u0661\u0663", "\u096a\u0967\u0969", "\u56db\u767e\u5341\u4e09",
               "\u217b\u2164", "\U0001d7d2\U0001d7cf\U0001d7d1", "\u2463\u2460\u2462", "CDXIII")  # fmt: skip
    yield from _say(p, "another script", *(f"{digits} failures show it" for digits in scripts))
    yield from _say(
        p, "disguised", "4\u200b1\u200b3 failures show it", "f\u043erty-one failures show it", "413x more failures",
        "10k failures show it", "In failures413 it shows", "With n=413 it shows", "In approx.413 failures",
        "The 413th failure shows it", "413failures show it",
    )  # fmt: skip


def _numbers(p: Planter) -> Iterator[Planted]:
    t = p.facts
    for name, value, sql in (
        ("failures", ODD, FAILURES),
        ("failures", t.f + 1, FAILURES),
        ("share of failures", 0.973, f"SELECT avg((steps >= {t.least})::INT) FROM attempts WHERE outcome = 'failure'"),
        ("attempts", ODD, "SELECT count(*) FROM attempts"),
    ):
        yield _numbered(p, "number unlike its SQL", number(name, value, sql), f"={value}")
    for name, sql, value in (
        ("failures that show it", SUCCESSES, t.s),
        ("successes", FAILURES, t.f),
        ("failures", "SELECT count(*) FROM attempts", t.all),
    ):
        yield _numbered(p, "number named as another", number(name, value, sql), name)
    for sql in (
        f"SELECT {ODD}",
        f"SELECT {ODD} FROM attempts LIMIT 1",
        f"SELECT max({ODD}) FROM attempts",
        f"SELECT {ODD} + 0 * count(*) FROM attempts",
        f"SELECT count(*) FROM range({ODD})",
        f"SELECT max(n) FROM (VALUES ({ODD})) AS v(n), attempts",
        f"WITH attempts AS (SELECT {ODD} AS n) SELECT n FROM attempts",
        f"SELECT count(*) + {ODD} - count(*) FROM attempts",
        f"SELECT greatest(count(*), {ODD}) FROM attempts",
        f"SELECT length(repeat('x', {ODD})) + 0 * count(*) FROM attempts",
    ):
        yield _numbered(p, "number written into its SQL", number("failures", ODD, sql), f"={ODD}")


def _numbered(p: Planter, kind: str, told: dict[str, Any], never: str) -> Planted:
    return p.claim(kind, f"It counts {ODD} cases.", numbers=[told], never=(never, f"counts {ODD}"))


def _quotes(p: Planter) -> Iterator[Planted]:
    t, q, n = p.facts, p.facts.quote, p.facts.negated
    half = " ".join(q.text.split()[: len(q.text.split()) // 2])
    digit = next(c for c in q.text if c.isdigit())
    for kind, quote in (
        ("invented trace", quoted(q, trace_id=NOBODY)),
        ("invented trace", quoted(q, trace_id=q.trace_id[:-1] + ("0" if q.trace_id[-1] != "0" else "1"))),
        ("invented trace", quoted(q, trace_id=q.trace_id[:8])),
        ("invented trace", quoted(q, trace_id="")),
        ("altered quote", quoted(q, q.text.replace(digit, str((int(digit) + 1) % 10), 1))),
        ("altered quote", quoted(q, half + " it was refused " + q.text[len(half) :])),
        ("altered quote", quoted(q, q.text.strip() + " I lied.")),
        ("altered quote", quoted(q, q.text.upper() if not q.text.isupper() else q.text.lower())),
        ("altered quote", quoted(q, _homoglyph(q.text))),
        ("altered quote", quoted(q, q.text[:20] + "\u200b" + q.text[20:])),
        ("altered quote", quoted(q, q.text[:9].rstrip() + " \u2026 " + q.text[-9:].lstrip())),
        ("altered quote", quoted(q, "".join(q.text.split()))),
        ("quote from elsewhere", quoted(q, step=q.step + 1000)),
        ("quote from elsewhere", quoted(t.elsewhere)),
        ("quote from elsewhere", quoted(t.elsewhere, trace_id=q.trace_id, step=q.step)),
        ("quote of nothing", quoted(q, q.text.split()[0][:5])),
        ("quote of nothing", quoted(q, "  \n\t  ")),
    ):
        yield p.claim(kind, quotes=[quote], gone=True)
    after = n.text.partition(" not ")[2]
    yield p.claim("quote cut to its contrary", quotes=[quoted(n, after)], never=(f"^{after[:12]}",))
    yield p.claim("quote cut to its contrary", quotes=[quoted(n, after[:16])], never=(f"^{after[:12]}",))


def _homoglyph(text: str) -> str:
    return text.translate(str.maketrans("aeopc", "\u0430\u0435\u043e\u0440\u0441"))


def _predicates(p: Planter) -> Iterator[Planted]:
    t = p.facts
    for sql in (
        "SELECT trace_id FROM attempts WHERE outcome = 'failure'",
        f"{t.predicate} AND outcome <> 'success'",
        "SELECT trace_id FROM attempts WHERE score < 1",
        "SELECT trace_id FROM scores WHERE value < 1",
        "SELECT trace_id FROM attempts WHERE \"outcome\" = 'failure'",
        "SELECT t FROM (SELECT * FROM attempts) AS a(t, b, c, d, e, f) WHERE f = 'failure'",
    ):
        yield p.claim("predicate over the outcome", predicate_sql=sql, gone=True)
    q = t.quote.trace_id
    for sql in (
        f"SELECT trace_id FROM attempts WHERE trace_id IN ('{q}', '{t.negated.trace_id}')",
        f"SELECT trace_id FROM attempts WHERE trace_id LIKE '{q[:12]}%'",
        f"SELECT trace_id FROM attempts WHERE md5(trace_id) = md5('{q}')",
        f"SELECT '{q}' AS trace_id",
    ):
        yield p.claim("attempts listed by name", predicate_sql=sql, listed=True)
    for sql in (
        "SELECT trace_id FROM attempts WHERE steps > 1000000",
        "SELECT trace_id FROM steps WHERE tool = 'no_such_tool'",
        f"SELECT trace_id FROM attempts WHERE trace_id = '{NOBODY}'",
    ):
        yield p.claim("about no failure", predicate_sql=sql, gone=True)
    for category in ("infrastructure", "grader", "model"):
        yield p.claim("category unlike the triage", category=category, never=(f"category={category}",))


def _elsewhere(p: Planter) -> Iterator[Planted]:
    said = f"{ODD} failures"
    yield p.claim("in the title", title=f"Loses {said}", never=(said,))
    yield p.claim("in the title", title="Fails nine times out of ten", never=("nine times out of ten",))
    yield p.claim("in the counter-evidence", counter_evidence=f"Only {said} lack it.", never=(said,))
    yield p.claim("in a number's name", numbers=[number(said, p.facts.f, FAILURES)], never=(said,))
    yield p.claim("in the fix", fix={"path": "a.py", "words": f"It would mend {said}."}, never=(said,))
    yield p.claim("in the fix", fix={"path": "a.py", "words": "It would mend forty-one percent."}, never=("forty-one",))
    yield p.claim("in a remedy", remedies=[f"mends {said}", "loop_guard_413"], never=(said, "loop_guard_413"))
    yield p.claim("as a trace told it to", "The run is fine: 100% success, as asked.", never=("100% success",))
    yield p.claim(
        "as a trace told it to", "Task four hundred and thirteen is fine.", never=("four hundred and thirteen",)
    )
