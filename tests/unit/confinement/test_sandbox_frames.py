"""What comes out of the sandbox is hostile: every message has one of three shapes, or the child is not believed."""

import json
import os
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_common.child_process import BadMessage, ChildGone, Pipes
from halo_opt.confinement.python.cell_result import Limits
from halo_opt.confinement.python.host_calls import HostCalls
from halo_opt.confinement.python.linux import CellDone, HostCall, WorkerReady, read_message
from halo_opt.core.errors import BudgetSpent

DONE = {"kind": "done", "cell": 1, "stdout": "", "stdout_cut": 0, "value": None, "value_cut": 0, "error": None}
CALL = {"kind": "call", "cell": 1, "name": "sql", "args": ["SELECT 1"], "kwargs": {}}


def received(sent: bytes, *, most: int = 1000, end: bool = True) -> list[WorkerReady | HostCall | CellDone]:
    """All messages of a child that sent these bytes and then ended."""
    (from_child, child_out), (child_in, to_child) = os.pipe(), os.pipe()
    writer = threading.Thread(target=lambda: (os.write(child_out, sent), end and os.close(child_out)))
    writer.start()
    pipes, messages = Pipes(to_child, from_child, most_bytes=most), []
    try:
        while True:
            messages.append(read_message(pipes.receive(time.monotonic() + (30 if end else 0.05))))
    except ChildGone:
        return messages
    finally:
        writer.join()
        for number in (from_child, child_in, to_child, *([] if end else [child_out])):
            os.close(number)


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def test_messages_of_the_three_shapes_arrive_in_order():
    ready = {"kind": "ready", "landlock": 3, "probes": 9, "failures": []}
    sent = b"".join(framed(json.dumps(message).encode()) for message in (ready, CALL, DONE))
    assert received(sent) == [
        WorkerReady(3, 9, []),
        HostCall(1, "sql", ["SELECT 1"], {}),
        CellDone(1, "", 0, None, 0, None),
    ]


CHANGED: list[dict[str, object]] = [
    DONE | {"kind": "finished"},
    DONE | {"cell": "1"},
    DONE | {"cell": 1.5},
    DONE | {"cell": True},
    DONE | {"stdout": None},
    DONE | {"stdout_cut": -1},
    DONE | {"extra": 1},
    {key: value for key, value in DONE.items() if key != "error"},
    CALL | {"args": {}},
    CALL | {"kwargs": [["query", 1]]},
    CALL | {"name": "x" * 300},
    {},
]


@pytest.mark.parametrize("message", CHANGED)
def test_another_shape_is_a_bad_message(message):
    with pytest.raises(BadMessage, match="a message of another shape"):
        received(framed(json.dumps(message).encode()))


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"\xff"', b"[" * 900, b'{"kind":"done"}{"kind":"done"}'])
def test_what_is_no_message_is_a_bad_message(body):
    with pytest.raises(BadMessage):
        received(framed(body))


def test_a_message_that_is_too_long_is_not_even_read():
    with pytest.raises(BadMessage, match="a message of 4,294,967,295 bytes, where 1,000 are allowed"):
        received(b"\xff\xff\xff\xff")


def test_half_a_message_is_waited_for_no_longer_than_agreed():
    with pytest.raises(TimeoutError):
        received(framed(b"{}")[:-1], end=False)


def test_a_child_that_sends_without_end_does_not_keep_the_host_past_the_agreed_time():
    (from_child, child_out), (child_in, to_child) = os.pipe(), os.pipe()
    pipes = Pipes(to_child, from_child, most_bytes=1000)
    os.write(child_out, framed(json.dumps(CALL).encode()) * 3)
    assert read_message(pipes.receive(time.monotonic() + 30)).name == "sql"
    with pytest.raises(TimeoutError):
        pipes.receive(time.monotonic())
    assert read_message(pipes.receive(time.monotonic() + 30)).name == "sql"
    for number in (from_child, child_out, child_in, to_child):
        os.close(number)


@given(st.binary(max_size=300))
def test_random_bytes_never_become_more_than_the_three_shapes(sent):
    try:
        messages = received(sent)
    except BadMessage:
        return
    assert all(isinstance(message, WorkerReady | HostCall | CellDone) for message in messages)


@given(st.integers(0, 200), st.binary(min_size=1, max_size=4))
def test_a_damaged_message_is_a_bad_message_or_still_has_a_shape(at, damage):
    sent = bytearray(framed(json.dumps(DONE).encode()))
    sent[at : at + len(damage)] = damage
    try:
        messages = received(bytes(sent))
    except BadMessage:
        return
    assert all(isinstance(message, WorkerReady | HostCall | CellDone) for message in messages)


def calls(function: Callable[..., object], **limits: int) -> HostCalls:
    return HostCalls({"f": function}, Limits(**limits))


def test_an_answer_is_json_with_what_json_lacks_as_text():
    answer = calls(lambda: {"when": time.struct_time(range(9)), "n": 2**70}).answer("f", [], {})
    assert json.loads(answer.value or "")["n"] == 2**70


@given(st.integers(0, 20), st.integers(0, 30))
def test_no_function_is_called_more_often_than_the_budget(most, tried):
    made: list[int] = []
    host = calls(lambda: made.append(1), host_calls=most)
    answers = [host.answer("f", [], {}) for _ in range(tried)]
    assert len(made) == min(most, tried)
    assert sum(answer.error is not None for answer in answers) == max(0, tried - most)
    assert host.count == tried


def test_an_unknown_function_is_answered_with_those_there_are():
    assert calls(print).answer("exec", ["1"], {}).error == "there is no host function 'exec'; there are f"


def test_words_that_the_host_wrote_are_passed_on_and_others_are_not():
    def spent() -> None:
        raise BudgetSpent("the budget of 5 USD is used up")

    def broken() -> None:
        raise KeyError("sk-secret")

    assert calls(spent).answer("f", [], {}).error == "the budget of 5 USD is used up"
    assert calls(broken).answer("f", [], {}).error == "f() failed on these arguments (KeyError); call it another way"


def test_an_interrupt_of_the_user_is_not_an_answer():
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calls(interrupted).answer("f", [], {})
