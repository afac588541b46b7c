"""The files that an export writes: Parquet, packed files, what is left out, and what is not replaced."""

import gzip
import json

import duckdb
import pytest
import zstandard
from export_samples import DATA, SOURCES, span, stored

from halo_opt.core.errors import InputError
from halo_opt.store import Options, Store, build_store, schema
from halo_opt.store.export import export_traces


def test_parquet_holds_every_table_as_it_is(tmp_path):
    build_store([DATA / source for source in SOURCES], tmp_path / "a.duckdb")
    export_traces(tmp_path / "a.duckdb", tmp_path / "out", target="parquet")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{t.name}.parquet" for t in schema.TABLES}
    with Store.open(tmp_path / "a.duckdb") as store, duckdb.connect() as other:
        for table in schema.TABLES:
            wanted = store.rows(f"SELECT * FROM {table.name} ORDER BY ALL")
            file = tmp_path / "out" / f"{table.name}.parquet"
            assert other.execute(f"SELECT * FROM '{file}' ORDER BY ALL").fetchall() == wanted


def test_parquet_of_one_trace_holds_that_trace_alone(tmp_path):
    build_store([DATA / source for source in SOURCES], tmp_path / "a.duckdb")
    wanted = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
    exported = export_traces(tmp_path / "a.duckdb", tmp_path / "out", target="parquet", trace_ids=[wanted])
    assert exported.traces == 1
    with duckdb.connect() as other:
        for table in ("attempts", "spans", "steps", "messages"):
            file = tmp_path / "out" / f"{table}.parquet"
            assert other.execute(f"SELECT DISTINCT trace_id FROM '{file}'").fetchall() == [(wanted,)]
        assert other.execute(f"SELECT run_id FROM '{tmp_path}/out/runs.parquet'").fetchall() == [("small",)]


def test_parquet_of_an_index_says_that_contents_are_missing(tmp_path):
    stored(tmp_path, span())
    build_store([tmp_path / "theirs.jsonl"], tmp_path / "index.duckdb", options=Options(contents=False))
    exported = export_traces(tmp_path / "index.duckdb", tmp_path / "out", target="parquet")
    assert exported.notes == ["1 traces have no messages, steps or tool calls: their contents were not imported"]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_the_name_of_the_file_says_how_it_is_packed(tmp_path, ending):
    store = stored(tmp_path, span())
    export_traces(store, tmp_path / "plain", target="spans")
    out = tmp_path / f"out.jsonl{ending}"
    export_traces(store, out, target="spans")
    packed = out.read_bytes()
    bare = (
        gzip.decompress(packed) if ending == ".gz" else zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    )
    assert bare == (tmp_path / "plain").read_bytes()


def test_traces_whose_file_changed_are_left_out_with_the_reason(tmp_path):
    kept = tmp_path / "kept.jsonl"
    kept.write_text(json.dumps(span(trace_id="t2")) + "\n")
    gone = tmp_path / "gone.jsonl"
    gone.write_text(json.dumps(span()) + "\n")
    build_store([kept, gone], tmp_path / "s.duckdb")
    gone.write_text(json.dumps(span(trace_id="t9")) + "\n")
    exported = export_traces(tmp_path / "s.duckdb", tmp_path / "out", target="spans")
    assert (exported.traces, exported.left_out) == (1, {f"{gone} is gone or has changed since it was imported": 1})
    kept.unlink()
    with pytest.raises(InputError, match=r"no trace could be exported: .*gone\.jsonl is gone"):
        export_traces(tmp_path / "s.duckdb", tmp_path / "none", target="otlp")
    assert not (tmp_path / "none").exists()


def test_nothing_is_replaced_unless_asked_and_never_a_source(tmp_path):
    store = stored(tmp_path, span())
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(InputError, match="--force"):
        export_traces(store, out, target="spans")
    assert out.read_text() == "mine"
    export_traces(store, out, target="spans", force=True)
    assert json.loads(out.read_text())["span_id"] == "root"
    with pytest.raises(InputError, match="is what the traces are read from"):
        export_traces(store, tmp_path / "theirs.jsonl", target="spans", force=True)
    with pytest.raises(InputError, match="is a file"):
        export_traces(store, out, target="parquet", force=True)
    with pytest.raises(InputError, match="is a folder"):
        export_traces(store, tmp_path, target="spans", force=True)


def test_a_folder_with_anything_else_is_not_replaced_by_parquet(tmp_path):
    store = stored(tmp_path, span())
    out = tmp_path / "out"
    export_traces(store, out, target="parquet")
    export_traces(store, out, target="parquet", force=True)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        export_traces(store, out, target="parquet", force=True)
    assert (out / "notes.txt").read_text() == "mine"


def test_an_unknown_trace_is_named(tmp_path):
    store = stored(tmp_path, span())
    with pytest.raises(InputError, match=r"t-9 is not in .*list ids with"):
        export_traces(store, tmp_path / "out", target="spans", trace_ids=["t1", "t-9"])
