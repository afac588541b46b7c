from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo_opt.core.errors import InputError
from halo_opt.core.journal import Event, Journal, decode, encode, read_events

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_an_event_survives_its_line(data: dict[str, object]) -> None:
    event = Event(3, "2026-01-01T00:00:00+00:00", "verdict", data)
    line = encode(event)
    assert line.count(b"\n") == 1
    assert decode(line[:-1], where="here") == event


def test_a_phase_is_done_once_even_by_another_process(tmp_path: Path) -> None:
    calls = []
    for _ in range(2):
        with Journal(tmp_path / "journal.jsonl") as journal:
            value = journal.once("collect", lambda: calls.append(1) or {"n": len(calls)})
            assert value == {"n": 1}
    assert calls == [1]


def test_a_phase_that_raised_is_done_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        with pytest.raises(ZeroDivisionError):
            journal.once("collect", lambda: 1 // 0)
        assert journal.once("collect", lambda: 7) == 7
        assert [event.kind for event in journal.events] == ["phase_started", "phase_started", "phase_finished"]


@settings(max_examples=40)
@given(cut=st.integers(1, 200))
def test_a_half_written_tail_is_cut_and_every_whole_event_kept(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    with Journal(path) as journal:
        for number in range(3):
            journal.append("note", number=number)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    kept = whole[:-cut].count(b"\n")
    with Journal(path) as journal:
        assert [event.data["number"] for event in journal.events] == list(range(kept))
        journal.append("note", number=99)
    assert [event.data["number"] for event in read_events(path)] == [*range(kept), 99]


@settings(max_examples=60)
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_changed_bit_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    with Journal(path) as journal:
        for number in range(3):
            journal.append("note", number=number)
        wanted = list(journal.events)
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << bit
    path.write_bytes(bytes(data))
    try:
        events = read_events(path)
    except InputError as error:
        assert "damaged" in str(error)
        assert "line" in str(error)
    else:
        # A flipped last newline makes the last event an unterminated tail.
        assert events == wanted[: len(events)]
        assert len(events) >= 2


@pytest.mark.parametrize("content", [b'{"task_id": 1}\n', b"plain words\n", b"\xff\x00\n", b"[]\n"])
def test_another_kind_of_file_is_refused_with_the_place_and_a_remedy_for_any_journal(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "analysis.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"analysis.jsonl line 1 does not check out.*; restore it, or name another$"):
        read_events(path)
    with pytest.raises(InputError, match=r"line 1 does not check out.*restore it, name another, or begin.*--fresh"):
        Journal(path)


def test_the_same_loop_started_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path), pytest.raises(InputError, match="in use by another halo-opt"):
        Journal(path)
    Journal(path).close()
