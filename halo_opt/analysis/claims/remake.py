"""Makes a report again from the traces, and says in which parts the given one differs."""

from collections.abc import Iterator, Sequence
from math import isclose
from typing import Any, NamedTuple

from pydantic import ValidationError

from halo_opt.analysis.claims.check import predicate_problem
from halo_opt.analysis.claims.model_claims import classes_of, with_claims
from halo_opt.analysis.claims.report_with_claims import NO_PYTHON, asked_behaviour, model_caveats
from halo_opt.analysis.claims.verify_claims import Mismatch
from halo_opt.core.errors import InputError
from halo_opt.core.playbook import Playbook
from halo_opt.core.records import Value, json_of
from halo_opt.core.report_records import AskedBehaviour, Category, MadeWith, Report
from halo_opt.core.text import counted, visible
from halo_opt.core.validation import first_problem
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.detector_files import Detectors, built_in, unfit
from halo_opt.mining.explanations import with_explanations
from halo_opt.mining.extras import ExtraBehaviour
from halo_opt.mining.mine import measured_store
from halo_opt.store.guarded.sql_checks import hidden_sql, renamed_sql
from halo_opt.store.protocols import Query, Rows

# What does not follow from the traces, or is compared elsewhere.
_LEFT_OUT = (
    "schema_version",
    "made_at",
    "title",
    "inputs",
    "left_out",
    "spend",
    "unsupported",
    "model_analysis",
    "made_with",
)
# What of a claim follows from the traces and from what was checked of it.
_OF_LEVEL = ("level", "level_reason", "to_lift")
TOLERANCE = 1e-9
_SQL = {"sql", "predicate_sql", "triage_sql", "statistic"}
# How much of a long text is shown where two texts part.
_SHOWN, _BEFORE = 100, 20


class Remade(NamedTuple):
    """A report that was made again, and the class of each failed attempt by the rules of its triage."""

    report: Report
    classes: dict[str, Category]


def remade(report: Report, store: Rows, query: Query) -> Remade:
    """Make the report that halo-opt makes of these traces with what the given one was made with.

    A model's claims are taken from the given report: their words and numbers have checks of their own.

    Args:
        report: The report. It may come from anyone.
        store: The traces.
        query: Runs SQL of the report's detectors and of a model's predicates, guarded.

    Raises:
        InputError: what the report was made with cannot be used.
    """
    made = report.made_with
    with measured_store(store, detectors=_detectors(made), guarded=query) as mined:
        extras = [ExtraBehaviour(_asked(one, query), written_up=one.claim is not None) for one in made.asked]
        new, placed = mined.report_with(extras, report.inputs, title=report.title, made_at=report.made_at)
        by_id = {claim.claim: claim for finding in report.findings for claim in finding.model_claims}
        claims = {one.name: by_id[one.claim] for one in made.asked if one.claim in by_id}
        if lost := [name for name in placed if name not in claims]:
            raise InputError(f"the claim of {lost[0]}, which a model made, stands at no finding")
        findings = with_claims(mined.store, new, placed, claims)
        classes = classes_of(new, mined.store.rows)
        again = with_explanations(mined.store, new.model_copy(update={"findings": findings}))
    return Remade(again.model_copy(update={"made_with": made}), classes)


def foreign_queries(report: Report) -> list[str]:
    """The SQL of the report's own detectors and predicates that `remade` runs, so that it can be run together."""
    predicates = [one.predicate_sql for one in report.made_with.asked]
    sqls = [sql for predicate in predicates for sql in (renamed_sql(predicate), hidden_sql(predicate))]
    return list(dict.fromkeys(filter(None, sqls)))


def _detectors(made: MadeWith) -> Detectors:
    """The detectors that a report was made with. Those of the user are read as from a file, and so run guarded."""
    every = built_in(experimental=True)
    taken = {behaviour.name for behaviour in every}
    own = []
    for place, given in enumerate(made.detectors):
        where = f"made_with.detectors[{place}]"
        fixed = {"source": str(given.get("source")), "asked_by": None, "from_traces": False, "untestable": ""}
        try:
            behaviour = Behaviour.model_validate({**given, **fixed})
        except ValidationError as error:
            raise InputError(f"{where} is no detector: {first_problem(error, 'it')}") from None
        reasons = [*unfit(behaviour.sql), *(["its name is taken"] if behaviour.name in taken else [])]
        if reasons:
            raise InputError(f"{where} is no detector: {reasons[0]}")
        taken.add(behaviour.name)
        own.append(behaviour)
    experimental = [b for b in every if b.experimental] if made.experimental else []
    try:
        playbook = Playbook.model_validate(made.playbook) if made.playbook is not None else None
    except ValidationError as error:
        raise InputError(f"made_with.playbook is no playbook: {first_problem(error, 'it')}") from None
    return Detectors((*experimental, *own), tuple(made.skipped), playbook)


def _asked(asked: AskedBehaviour, query: Query) -> Behaviour:
    if problem := predicate_problem(asked.predicate_sql):
        raise InputError(f"what a model had tested as {asked.name} cannot be tested: {problem}")
    return asked_behaviour(asked, query)


def differences(report: Report, again: Report) -> list[Mismatch]:
    """Each part in which a report differs from what was made again; empty where it says the same."""
    one, two = _document(report), _document(again)
    found = list(_compared("", one, two))
    moved = [
        part
        for part in ("findings", "tested")
        if one[part].keys() == two[part].keys() and list(one[part]) != list(two[part])
    ]
    found += [Mismatch(part, None, None, "they stand in another order") for part in moved]
    return found + list(_model_parts(report, again))


def _document(report: Report) -> dict[str, Any]:
    """A report's parts that follow from the traces, lists of named parts by their names."""
    data: dict[str, Any] = {name: part for name, part in json_of(report).items() if name not in _LEFT_OUT}
    findings = []
    for finding in data.pop("findings"):
        claims = finding.pop("model_claims")
        finding["claims"] = [claim["claim"] for claim in claims]
        finding["levels"] = {claim["claim"]: {part: claim[part] for part in _OF_LEVEL} for claim in claims}
        finding["groups"] = _by_name(finding["groups"], "by")
        finding["consequences"] = _by_name(finding["consequences"], "behaviour")
        if finding["claims"] and finding["id"].startswith("M"):
            # The claim's title, in which placeholders were filled in; it is checked with the claim.
            del finding["title"]
        findings.append(finding | finding.pop("numbers"))
    del data["caveats"]
    return {
        **data,
        "tested": _by_name(data["tested"], "behaviour"),
        "findings": _by_name(findings, "id"),
    }


def _by_name(parts: Sequence[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """Parts by their names; one whose name was there before is kept under another, so that it is compared too."""
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        name = str(part.get(key))
        while name in found:
            name += " (again)"
        found[name] = part
    return found


def _compared(where: str, reported: Any, now: Any) -> Iterator[Mismatch]:
    """The differences between two parts, each at its own place."""
    if isinstance(reported, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*reported, *now]):
            place = _place(where, key)
            if key not in now:
                yield Mismatch(place, _summary(reported[key]), None, "the traces do not give this part")
            elif key not in reported:
                yield Mismatch(place, None, _summary(now[key]), "the report lacks this part, which the traces give")
            else:
                yield from _compared(place, reported[key], now[key])
    elif isinstance(reported, list) and isinstance(now, list) and _of_parts([*reported, *now]):
        one, two = ({f"[{place}]": item for place, item in enumerate(items)} for items in (reported, now))
        yield from _compared(where, one, two)
    elif not same(reported, now):
        yield _differing(where, reported, now)


def same(one: Value, two: Value) -> bool:
    """Equal, or numbers within a relative 1e-9 (a report keeps 12 digits)."""
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, int | float) and isinstance(two, int | float):
        return isclose(one, two, rel_tol=TOLERANCE, abs_tol=1e-12)
    return one == two


def _differing(where: str, reported: Any, now: Any) -> Mismatch:
    name = where.rpartition(".")[2]
    if name in _SQL:
        return Mismatch(where, *_texts(reported, now), "this is not the SQL that halo-opt writes for it")
    if isinstance(reported, str) and isinstance(now, str):
        return Mismatch(where, *_texts(reported, now), "the traces give other words")
    return Mismatch(where.removesuffix(".value"), _summary(reported), _summary(now), "the traces give another value")


def _place(where: str, key: str) -> str:
    if where in ("", "findings"):
        return key
    return f"{where}{key}" if key.startswith("[") else f"{where}.{key}"


def _of_parts(items: Sequence[Any]) -> bool:
    """Whether a list holds texts or records, which are compared one by one, and not the numbers of an interval."""
    return any(isinstance(item, str | dict | list) for item in items)


def _texts(reported: Any, now: Any) -> tuple[str, str]:
    """Two texts from a little before the place where they part."""
    one, two = str(reported), str(now)
    apart = next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    start = max(0, apart - _BEFORE)
    return _cut(one, start), _cut(two, start)


def _cut(text: str, start: int) -> str:
    shown = text[start : start + _SHOWN]
    return f"{'...' if start else ''}{shown}{'...' if start + _SHOWN < len(text) else ''}"


def _summary(part: Any) -> Value:
    if isinstance(part, dict):
        return _summary(part["value"]) if "value" in part else _cut(str(part.get("claim", part.get("title", ""))), 0)
    if isinstance(part, list) and _of_parts(part):
        return ", ".join(_cut(str(item), 0) for item in part[:3])
    return _cut(part, 0) if isinstance(part, str) else part


def _model_parts(report: Report, again: Report) -> Iterator[Mismatch]:
    """What a report says about a model's analysis as far as it follows from the rest."""
    analysis = report.model_analysis
    expected = list(again.caveats)
    if analysis is not None:
        expected += model_caveats(again, analysis)
        python = NO_PYTHON.format(analysis.python)
        expected += [python] if report.caveats[-1:] == [python] else []
        written = {claim.claim for finding in again.findings for claim in finding.model_claims}
        counts = {"confirmed": len(written), "predicates": len(report.made_with.asked)}
        for name, count in counts.items():
            if getattr(analysis, name) != count:
                reason = "the report holds another number of them"
                yield Mismatch(f"model_analysis.{name}", getattr(analysis, name), count, reason)
    yield from _compared("caveats", list(report.caveats), expected)


def not_checked(report: Report) -> list[str]:
    """What a report shows that does not follow from the traces, so that nothing can confirm it."""
    made = report.made_with
    parts = ["the report's title and the time at which it was made"]
    if (names := made.reading.get("names")) is not None:
        parts.append(f"the mapping file {visible(str(names))}, which says what the names in the traces mean")
    if report.left_out:
        parts.append("which files beside the traces were not read")
    if made.detectors:
        own = counted(len(made.detectors), "detector")
        parts.append(f"the names, titles, meanings and remedies of {own} of the user (their SQL was run)")
    if made.skipped:
        parts.append(f"why {counted(len(made.skipped), 'detector')} of the user could not be used")
    if made.playbook is not None:
        parts.append("the user's playbook, which names the remedies")
    if report.model_analysis is not None:
        parts.append("what the model's calls cost, how many there were, and how the analysis ended")
        parts.append("the model's words beyond their figures, quotes and SQL, and what was corrected in them")
    elif report.spend:
        parts.append("what was spent")
    if report.unsupported:
        claims = counted(len(report.unsupported), "claim")
        parts.append(f"the words of {claims} that the traces did not support")
    return parts
