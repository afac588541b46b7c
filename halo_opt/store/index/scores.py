"""Outcomes that follow from more than one trace: those of a file of ids and scores, and scores on a larger scale."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from halo_opt.core.errors import InputError
from halo_opt.core.records import Outcome
from halo_opt.store import values
from halo_opt.store.files.lines import decode_json, head_of, read_objects
from halo_opt.store.outcomes import REMEDY, SCORE, SCORE_FIELD, SCORES_FILE, shown, verdict_of
from halo_opt.store.readers.base import whole
from halo_opt.store.rows import ScoreRow
from halo_opt.store.sink import Sink

_IDS = ("trace_id", "id", "attempt_id", "instance_id", "session_id", "task_id")
_SCORES = ("score", "reward", "value")
_LABELS = ("outcome", "label", "success", "passed", "resolved")
# Every name that is understood, by what it means.
FIELDS = {"attempt or task": (*_IDS, "seed"), "score": _SCORES, "verdict": _LABELS}
_RATING = "is part of a rating that goes beyond 1"


def leave_out_ratings(connection: duckdb.DuckDBPyConnection, sink: Sink) -> None:
    """Take the outcomes back that follow from a 0 or 1 of a rating scale.

    Where a run has a score above 1 and none between 0 and 1, its scores are ratings (1 to 5, 0 to 10), and a 1 among
    them is no success. Where it has fractions, only what is outside 0 to 1 is left out.
    """
    sink.flush()
    if not connection.execute("SELECT 1 FROM rejects WHERE field = ? LIMIT 1", [SCORE_FIELD]).fetchall():
        return
    # What an earlier build took for ratings may not be, with the attempts that are there now.
    connection.execute(
        "UPDATE attempts SET score = r.score, outcome = if(r.score = 1, 'success', 'failure'), outcome_from = $judged"
        " FROM (SELECT source, line, try_cast(head AS DOUBLE) AS score FROM rejects WHERE field = $field AND"
        " contains(reason, $rating)) r"
        " WHERE attempts.source = r.source AND attempts.line = r.line AND outcome_from IS NULL",
        {"judged": SCORE, "field": SCORE_FIELD, "rating": _RATING},
    )
    connection.execute("DELETE FROM rejects WHERE field = ? AND contains(reason, ?)", [SCORE_FIELD, _RATING])
    found = connection.execute(
        "SELECT trace_id, source, line, score FROM attempts WHERE outcome_from = $judged AND run_id IN ("
        "SELECT a.run_id FROM attempts a JOIN rejects r ON a.source = r.source AND a.line = r.line"
        " WHERE r.field = $field AND try_cast(r.head AS DOUBLE) > 1) AND run_id NOT IN ("
        "SELECT run_id FROM attempts WHERE outcome_from = $judged AND score > 0 AND score < 1)",
        {"judged": SCORE, "field": SCORE_FIELD},
    ).fetchall()
    for trace_id, source, line, score in found:
        connection.execute(
            "UPDATE attempts SET outcome = NULL, score = NULL, outcome_from = NULL WHERE trace_id = ?", [trace_id]
        )
        reason = f"the score {score:g} {_RATING}: the outcome is unknown; {REMEDY}"
        sink.reject_score(source, line or 0, reason, f"{score:g}")


# What stands between the columns of a CSV file; the commonest in its header counts.
_DELIMITERS = ",;\t"


class _Line(NamedTuple):
    """A line of a scores file: its verdict and its score as stated, None where it states none."""

    number: int
    record: Mapping[str, Any]
    verdict: Outcome | None
    score: Any


def add_scores(connection: duckdb.DuckDBPyConnection, path: Path, sink: Sink) -> None:
    """Lay the scores of a JSONL, JSON or CSV file over the attempts: by trace id, else by task (and seed where given).

    Each line needs an id (`trace_id`, `id`, `task_id`, ...) and a `score` from 0 to 1 or a verdict (`outcome`,
    `success`, `resolved`, ...). A line that fits no attempt, or says neither, is rejected. An attempt that ended in an
    error was not measured: only a success, which nobody reaches unmeasured, takes its error away. Raises InputError
    when no line can be used.
    """
    if not path.is_file():
        raise InputError(
            f"{path} is not there; give a file of scores: JSONL or CSV with an id and a score or an outcome"
        )
    # An earlier build may have laid the same file over attempts that are still there.
    connection.execute("DELETE FROM rejects WHERE source = ?", [str(path)])
    connection.execute("DELETE FROM scores WHERE source = ?", [path.name])
    used = 0
    problems: list[str] = []
    lines = list(_lines(path, sink, problems))
    ratings = _are_ratings(lines, sink)
    for line in lines:
        problem = _apply(connection, line, sink, path, ratings=ratings)
        used += problem is None
        if problem is not None:
            problems.append(f"line {line.number}: {problem}")
    # What a trace itself says of its score no longer matters where the file gives the outcome.
    connection.execute(
        "DELETE FROM rejects WHERE field = ? AND (source, line) IN (SELECT (source, line) FROM attempts"
        " WHERE outcome_from = ?)",
        [SCORE_FIELD, SCORES_FILE],
    )
    if not used:
        sink.flush()
        first = f"; the first problem: {problems[0]}" if problems else ""
        if lines and not lines[0].record.keys() & {*_LABELS, *_SCORES}:
            fields = ", ".join(map(str, lines[0].record))
            first += f"; it has the fields {fields}; name one of them {', '.join((*_SCORES, *_LABELS))}"
        raise InputError(
            f"{path}: no line of it gives a score to an attempt of these traces; ids must be trace or task ids{first}"
        )


def _lines(path: Path, sink: Sink, problems: list[str]) -> Iterator[_Line]:
    for number, record in _records(path):
        if isinstance(record, Mapping):
            label, score = _stated(record, _LABELS), _stated(record, _SCORES)
            verdict = verdict_of(label) or (Outcome.ERROR if score == Outcome.ERROR else None)
            if score is None and verdict is None and values.number(label) is not None:
                score = label
            yield _Line(number, record, verdict, score)
        else:
            problems.append(f"line {number}: not an object")
            sink.reject(str(path), number, "not an object", str(record)[:200])


def _stated(record: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if record.get(name) not in (None, "")), None)


def _are_ratings(lines: list[_Line], sink: Sink) -> bool:
    """Whether the scores of a file are whole numbers of which some are above 1; see `leave_out_ratings`."""
    numbers = [found for line in lines if (found := values.finite(line.score)) is not None]
    beyond = not sink.rule.larger_scale and any(number > 1 for number in numbers)
    return beyond and not any(0 < number < 1 for number in numbers)


def _apply(connection: duckdb.DuckDBPyConnection, line: _Line, sink: Sink, path: Path, *, ratings: bool) -> str | None:
    """Lay one line over the attempts that it means; why it cannot be used, or None."""
    score = sink.rule.score(line.score)
    problem = score.problem
    if problem is None and ratings and score.number is not None:
        problem = _RATING
    number = None if problem is not None else score.number
    outcome = line.verdict or sink.rule.outcome(number)
    if problem is not None and outcome is None:
        reason = f"the score {shown(line.score)} {problem}; {REMEDY}"
        sink.reject_score(str(path), line.number, reason, shown(line.score))
        return reason
    found = _attempts(connection, line.record, sink) if outcome is not None else []
    if not found:
        reason = "neither a score nor an outcome" if outcome is None else "no attempt of that id"
        sink.reject(str(path), line.number, reason, str(line.record)[:200])
        return reason
    for trace_id, before in found:
        if before != Outcome.ERROR or outcome != Outcome.FAILURE:
            kept = None if outcome == Outcome.ERROR or sink.rule.larger_scale else number
            connection.execute(
                "UPDATE attempts SET outcome = ?, score = ?, outcome_from = ? WHERE trace_id = ?",
                [str(outcome), kept, SCORES_FILE, trace_id],
            )
        sink.score(ScoreRow(trace_id, "reward", number, str(outcome), path.name))
    return None


def _attempts(connection: duckdb.DuckDBPyConnection, record: Mapping[str, Any], sink: Sink) -> list[tuple[Any, ...]]:
    """The attempts that a line means, each with its outcome so far."""
    for name in _IDS:
        wanted = values.text(record.get(name))
        if not wanted:
            continue
        wanted = sink.key(wanted)
        found = connection.execute("SELECT trace_id, outcome FROM attempts WHERE trace_id = ?", [wanted]).fetchall()
        if not found:
            seed = values.bigint(record.get("seed"))
            found = connection.execute(
                "SELECT trace_id, outcome FROM attempts WHERE task_id = ? AND (?::BIGINT IS NULL OR seed = ?)",
                [wanted, seed, seed],
            ).fetchall()
        if found:
            return found
    return []


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    """(number from 1, record) of a JSONL, JSON or CSV file, recognised by its content."""
    raw = whole(path)
    start = raw.lstrip()[:1]
    if start == b"[":
        records, reason = decode_json(raw)
        if reason is not None:
            raise InputError(f"{path} is not JSON ({reason}); it begins {head_of(raw)[:60]!r}")
        yield from enumerate(records, start=1)
    elif start == b"{":
        for line in read_objects(path):
            yield line.number, line.value if line.value is not None else line.head
    else:
        header, newline, rest = raw.decode("utf-8-sig", "replace").partition("\n")
        delimiter = max(_DELIMITERS, key=header.count)
        rows = csv.DictReader(io.StringIO(header.lower() + newline + rest), delimiter=delimiter, skipinitialspace=True)
        yield from enumerate(rows, start=2)
