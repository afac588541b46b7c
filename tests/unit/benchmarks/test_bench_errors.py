"""The labelled results of the benchmark of errors."""

import json

from benchmarks.errors.__main__ import LABELLED, LEAST, judged

ROWS = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]


def test_there_are_enough_labels_of_both_kinds():
    first = [row["error"] for row in ROWS if row["part"] == "first"]
    assert min(sum(first), len(first) - sum(first)) >= 100


def test_precision_and_recall_reach_their_bounds():
    found = [row["error"] for row in ROWS if judged(row) is not None]
    errors = sum(row["error"] for row in ROWS)
    assert min(sum(found) / len(found), sum(found) / errors) >= LEAST


def test_the_file_is_below_a_megabyte():
    assert LABELLED.stat().st_size < 1_000_000
