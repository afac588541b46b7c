"""Raw measurements as the rows of the table of targets. Pure: records in, rows and text out."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

Raw = dict[str, Any]


class Row(NamedTuple):
    """One line of the table. `ratio` is peer over ours, above 1 where ours is better; None where a side is missing."""

    data: str
    name: str
    unit: str
    ours: float | None
    peer: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


class _Kind(NamedTuple):
    name: str
    operation: str
    unit: str
    value: Callable[[Raw], float | None]


def _field(name: str) -> Callable[[Raw], float | None]:
    return lambda raw: raw[name]


def _share(raw: Raw) -> float:
    """Size of a store or index in percent of the file."""
    return float(100 * raw["answer"]["bytes"] / raw["jsonl_bytes"])


KINDS = (
    _Kind("ingest, CPU", "ingest", "s", _field("cpu")),
    _Kind("ingest, wall", "ingest", "s", _field("wall")),
    _Kind("ingest, peak memory", "ingest", "MB", _field("peak_mb")),
    _Kind("store or index size", "ingest", "% of JSONL", _share),
    _Kind("append 10 traces, CPU", "append", "s", _field("cpu")),
    _Kind("append 10 traces, wall", "append", "s", _field("wall")),
    _Kind("contents on top of ingest, CPU", "contents", "s", _field("cpu")),
    _Kind(
        "store with contents", "contents", "% of JSONL", lambda raw: 100 * raw["answer"]["bytes"] / raw["jsonl_bytes"]
    ),
    _Kind("open", "overview", "ms", lambda raw: 1000 * raw["open_wall"]),
    _Kind("overview with errors", "overview", "ms", lambda raw: 1000 * raw["wall"]),
    _Kind("list traces with errors", "errors", "ms", lambda raw: 1000 * raw["wall"]),
    _Kind("regex", "regex", "s", _field("wall")),
    _Kind("regex, any case", "iregex", "s", _field("wall")),
    _Kind("show one trace", "show", "ms", lambda raw: 1000 * raw["wall"]),
    _Kind("search in one trace", "search_one", "ms", lambda raw: 1000 * raw["wall"]),
)
FLOORS = ("msgspec", "orjson", "newlines")


def rows_of(raws: Sequence[Raw]) -> list[Row]:
    """The rows of every data set, in the order in which it was measured; repeats become medians."""
    rows: list[Row] = []
    for data in dict.fromkeys(raw["data"] for raw in raws):
        here = [raw for raw in raws if raw["data"] == data and not raw["missing"]]
        rows.extend(_row(data, kind, here) for kind in KINDS)
        rows.extend(_floor_rows(data, here))
    return rows


def _row(data: str, kind: _Kind, raws: list[Raw]) -> Row:
    ours, peer = _by_repeat(raws, kind, "ours"), _by_repeat(raws, kind, "peer")
    # Paired by repeat: what slows the machine for a while slows both of a pair.
    ratios = [other / mine for at, mine in ours.items() if mine and (other := peer.get(at)) is not None]
    low, high = (min(ratios), max(ratios)) if ratios else (None, None)
    return Row(data, kind.name, kind.unit, _median(ours.values()), _median(peer.values()), _median(ratios), low, high)


def _by_repeat(raws: list[Raw], kind: _Kind, side: str) -> dict[int, float | None]:
    """The value of one kind of row for one side, by the number of the repeat."""
    chosen = [raw for raw in raws if raw["operation"] == kind.operation and raw["side"] == side]
    return {raw["repeat"]: kind.value(raw) for raw in chosen}


def _floor_rows(data: str, raws: list[Raw]) -> list[Row]:
    """Each floor's own CPU, and how many times the typed decode each side's ingest costs."""
    rows = []
    for floor in FLOORS:
        spent = _median(raw["cpu"] for raw in raws if raw["operation"] == floor)
        rows.append(Row(data, f"floor: {floor}, CPU", "s", spent, None, None, None, None))
    typed = _median(raw["cpu"] for raw in raws if raw["operation"] == "msgspec")
    ours, peer = _times(raws, "ours", typed), _times(raws, "peer", typed)
    return [*rows, Row(data, "ingest, CPU over msgspec floor", "times", ours, peer, None, None, None)]


def _times(raws: list[Raw], side: str, floor: float | None) -> float | None:
    """How many times the CPU of a floor one side's ingest costs."""
    if not floor:
        return None
    return _median(raw["cpu"] / floor for raw in raws if raw["operation"] == "ingest" and raw["side"] == side)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def differences(raws: Sequence[Raw]) -> list[str]:
    """Where the two sides answered the same question differently, and which questions one could not answer."""
    found: dict[str, None] = {}
    answers: dict[tuple[str, str, str], Raw] = {(r["data"], r["operation"], r["side"]): r for r in raws}
    for (data, operation, side), raw in answers.items():
        if raw["missing"]:
            found[f"{data} {operation}: {side}: {raw['missing']}"] = None
            continue
        other = answers.get((data, operation, "peer"))
        if side == "peer" or other is None:
            continue
        for key, value in raw["answer"].items():
            if key != "bytes" and key in other["answer"] and other["answer"][key] != value:
                found[f"{data} {operation}: {key} is {value} here, {other['answer'][key]} by the peer"] = None
    return list(found)


def text_of(rows: Sequence[Row], remarks: Sequence[str]) -> str:
    """The rows as a Markdown table for each data set, and the remarks below."""
    lines: list[str] = []
    for data in dict.fromkeys(row.data for row in rows):
        lines += [
            f"## {data}",
            "",
            "| | unit | ours | peer | peer / ours | range |",
            "| --- | --- | --: | --: | --: | --- |",
        ]
        for row in (row for row in rows if row.data == data):
            between = f"{_number(row.ratio_low)} to {_number(row.ratio_high)}" if row.ratio else ""
            cells = [row.name, row.unit, _number(row.ours), _number(row.peer), _number(row.ratio), between]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join([*lines, *(f"- {remark}" for remark in remarks)])


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
