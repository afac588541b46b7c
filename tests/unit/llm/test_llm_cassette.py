import json
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from halo_opt.core.errors import BudgetSpent, InputError
from halo_opt.llm.cassette import Cassette, CassetteEntry, CassetteMiss, RecordedModel
from halo_opt.llm.model import (
    Completion,
    InvalidReply,
    Message,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnreachable,
    PromptTooLong,
)
from halo_opt.testing import ScriptedModel


class Verdict(BaseModel):
    verdict: Literal["even", "odd"]


class Other(BaseModel):
    verdict: str


def ask(*words: str, now: str = "") -> list[Message]:
    return [
        Message(role="user" if number % 2 == 0 else "assistant", content=text, now=now)
        for number, text in enumerate(words)
    ]


class Recording:
    """A cassette whose entries are kept as a file would keep them."""

    def __init__(self, past: Sequence[dict] = ()) -> None:
        self.lines: list[str] = [json.dumps(entry) for entry in past]
        self.cassette = Cassette(past, on_entry=lambda entry: self.lines.append(entry.model_dump_json()))

    @property
    def entries(self) -> list[dict]:
        return [json.loads(line) for line in self.lines]

    def replay(self) -> Cassette:
        return Cassette(self.entries)


def replayed(cassette: Cassette, name: str = "scripted") -> RecordedModel:
    return RecordedModel(None, cassette, role="root", name=name)


def test_a_recorded_call_is_answered_without_a_model_and_parsed_again() -> None:
    recording = Recording()
    taped = RecordedModel(ScriptedModel([Verdict(verdict="odd")]), recording.cassette, role="root")
    first = taped.complete(ask("three?"), schema=Verdict)
    cassette = recording.replay()
    assert replayed(cassette).complete(ask("three?"), schema=Verdict) == first
    assert first.parsed == Verdict(verdict="odd")
    assert cassette.unplayed == 0


def test_an_object_with_words_around_it_comes_back_too() -> None:
    recording = Recording()
    text = 'Sure:\n```json\n{"verdict": "odd"}\n```'

    class Wordy:
        name = "scripted"

        def complete(self, messages: Sequence[Message], **_: object) -> Completion:
            return Completion(text=text, parsed=Verdict(verdict="odd"))

    RecordedModel(Wordy(), recording.cassette, role="root").complete(ask("three?"), schema=Verdict)
    again = replayed(recording.replay()).complete(ask("three?"), schema=Verdict)
    assert (again.text, again.parsed) == (text, Verdict(verdict="odd"))


def test_what_is_true_only_now_is_no_part_of_what_a_call_is_recognised_by() -> None:
    recording = Recording()
    model = ScriptedModel(["yes"])
    RecordedModel(model, recording.cassette, role="root").complete(ask("two?", now="3 minutes left"))
    assert model.asked[0][0].now == "3 minutes left"
    assert replayed(recording.replay()).complete(ask("two?", now="1 minute left")).text == "yes"


def test_the_same_prompt_gets_its_replies_in_the_order_in_which_they_were_recorded() -> None:
    recording = Recording()
    taped = RecordedModel(ScriptedModel(["one", "two"]), recording.cassette, role="root")
    assert [taped.complete(ask("?")).text for _ in range(2)] == ["one", "two"]
    again = replayed(recording.replay())
    assert [again.complete(ask("?")).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(CassetteMiss, match="recorded 2 times and is made once more; record anew"):
        again.complete(ask("?"))


def test_in_order_another_prompt_gets_the_next_reply_and_is_counted() -> None:
    recording = Recording()
    taped = RecordedModel(ScriptedModel(["one", "two"]), recording.cassette, role="root")
    assert [taped.complete(ask(text)).text for text in "ab"] == ["one", "two"]
    cassette = Cassette(recording.entries, in_order=True)
    again = replayed(cassette)
    assert [again.complete(ask(text)).text for text in "ac"] == ["one", "two"]
    assert (cassette.changed, cassette.unplayed) == (1, 0)


def test_in_order_roles_are_kept_apart() -> None:
    recording = Recording()
    for role, reply in (("root", "mine"), ("map", "yours")):
        RecordedModel(ScriptedModel([reply]), recording.cassette, role=role).complete(ask("?"))  # type: ignore[arg-type]
    cassette = Cassette(recording.entries, in_order=True)
    assert RecordedModel(None, cassette, role="map", name="scripted").complete(ask("!")).text == "yours"


def test_in_order_a_call_too_many_fails() -> None:
    with pytest.raises(CassetteMiss, match="no call of the role root was recorded"):
        replayed(Cassette(in_order=True)).complete(ask("?"))


def test_a_resumed_run_asks_the_model_only_for_what_is_missing() -> None:
    first = Recording()
    RecordedModel(ScriptedModel(["one"]), first.cassette, role="root").complete(ask("a"))
    model = ScriptedModel(["two", "three"])
    second = Recording(first.entries)
    taped = RecordedModel(model, second.cassette, role="sub")
    assert [taped.complete(ask(words)).text for words in ("a", "b", "a")] == ["one", "two", "three"]
    assert [messages[0].content for messages in model.asked] == ["b", "a"]
    assert [(entry["role"], entry["occurrence"]) for entry in second.entries] == [("root", 0), ("sub", 0), ("sub", 1)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.complete(ask("a", "b", "d"), schema=Verdict), "its message 3 of 3 is the first that no recorded"),
        (lambda m: m.complete(ask("a", "x", "c"), schema=Verdict), "its message 2 of 3 is the first that no recorded"),
        (lambda m: m.complete(ask("a", "b", "c"), schema=Other), "no call with this schema was recorded"),
        (lambda m: m.complete(ask("a", "b"), schema=Verdict), "a longer conversation that begins like it"),
    ],
)
def test_an_unseen_prompt_says_where_it_parts_from_the_recorded_ones(
    call: Callable[[RecordedModel], object], words: str
) -> None:
    recording = Recording()
    model = ScriptedModel([Verdict(verdict="odd")])
    RecordedModel(model, recording.cassette, role="root").complete(ask("a", "b", "c"), schema=Verdict)
    with pytest.raises(CassetteMiss, match=words):
        call(replayed(recording.replay()))


def test_an_unseen_prompt_names_the_role_and_the_beginning_of_what_was_asked() -> None:
    with pytest.raises(
        CassetteMiss,
        match=r"no reply for a call of root whose last message begins 'why do refunds fail\?': "
        r"no call of the role root was recorded; record anew, with the model",
    ):
        replayed(Cassette()).complete(ask("why do\nrefunds   fail?"))


def test_a_recording_with_another_model_is_not_mistaken() -> None:
    recording = Recording()
    RecordedModel(ScriptedModel(["x"], name="big"), recording.cassette, role="root").complete(ask("a"))
    with pytest.raises(CassetteMiss, match="recorded with the model big, not small"):
        replayed(recording.replay(), "small").complete(ask("a"))


@pytest.mark.parametrize(
    "error",
    [
        ModelRefused("it will not", spent=Completion(text="", tokens_in=3, tokens_out=0)),
        InvalidReply("not a Verdict", spent=Completion(text="hm", tokens_in=3, tokens_out=1), text="hm"),
        PromptTooLong("too long"),
    ],
)
def test_an_error_that_decided_what_came_next_is_raised_again(error: ModelError) -> None:
    recording = Recording()
    with pytest.raises(type(error)):
        RecordedModel(ScriptedModel([error]), recording.cassette, role="root").complete(ask("a"))
    with pytest.raises(type(error)) as caught:
        replayed(recording.replay()).complete(ask("a"))
    assert str(caught.value) == str(error)
    assert caught.value.spent == error.spent
    assert getattr(caught.value, "text", None) == getattr(error, "text", None)


@pytest.mark.parametrize(
    "error", [ModelUnreachable("down"), ModelBusy("busy"), BudgetSpent("spent"), ModelError("error 400")]
)
def test_an_error_that_may_not_come_again_is_not_recorded(error: Exception) -> None:
    recording = Recording()
    taped = RecordedModel(ScriptedModel([error, "yes"]), recording.cassette, role="root")
    with pytest.raises(type(error)):
        taped.complete(ask("a"))
    assert recording.lines == []
    assert taped.complete(ask("a")).text == "yes"
    assert replayed(recording.replay()).complete(ask("a")).text == "yes"


def test_words_are_handed_on_in_a_replay_too() -> None:
    recording = Recording()
    errors: list[ScriptedModel] = [ScriptedModel(["two words", InvalidReply("no", text="half")])]
    taped = RecordedModel(errors[0], recording.cassette, role="root")
    live: list[str] = []
    taped.complete(ask("a"), on_text=live.append)
    with pytest.raises(InvalidReply):
        taped.complete(ask("b"))
    said: list[str] = []
    again = replayed(recording.replay())
    again.complete(ask("a"), on_text=said.append)
    with pytest.raises(InvalidReply):
        again.complete(ask("b"), on_text=said.append)
    assert "".join(live) == "two words"
    assert said == ["two words", "half"]


def test_an_entry_that_cannot_be_written_down_does_not_stand() -> None:
    def full_disk(entry: CassetteEntry) -> None:
        raise OSError("no space left")

    cassette = Cassette(on_entry=full_disk)
    with pytest.raises(OSError, match="no space"):
        RecordedModel(ScriptedModel(["x"]), cassette, role="root").complete(ask("a"))
    with pytest.raises(CassetteMiss, match="no call of the role root was recorded"):
        replayed(cassette).complete(ask("a"))


def test_no_message_is_kept_in_an_entry() -> None:
    recording = Recording()
    RecordedModel(ScriptedModel(["reply"]), recording.cassette, role="root").complete(ask("my words"))
    assert "my words" not in recording.lines[0]
    assert "reply" in recording.lines[0]


def damaged(entry: dict) -> dict:
    return entry | {"completion": None}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (damaged, "entry 1 of the cassette is damaged .*a completion or an error.*; record anew"),
        (lambda entry: entry | {"role": "king"}, "entry 1 of the cassette is damaged .role: "),
        (lambda entry: entry | {"occurrence": 1}, "entries before entry 1 of the cassette are missing; record anew"),
    ],
)
def test_a_cassette_that_cannot_be_used_is_refused(change: Callable[[dict], dict], words: str) -> None:
    recording = Recording()
    RecordedModel(ScriptedModel(["x"]), recording.cassette, role="root").complete(ask("a"))
    with pytest.raises(InputError, match=words):
        Cassette([change(entry) for entry in recording.entries])


ends = st.sampled_from(["reply", "object", "refused", "misfit", "too long", "unreachable"])
calls = st.lists(st.lists(st.tuples(st.integers(0, 2), ends), max_size=6), min_size=1, max_size=4)


def outcome(model: RecordedModel, prompt: str, schema: type[BaseModel] | None) -> tuple[str, str]:
    try:
        completion = model.complete(ask(prompt), schema=schema)
    except ModelError as error:
        return type(error).__name__, str(error)
    return repr(completion.parsed), completion.text


@given(calls)
def test_what_threads_recorded_is_replayed_to_each_prompt_in_order(threads: list[list[tuple[int, str]]]) -> None:
    recording = Recording()
    numbers = iter(range(1000))
    lock = threading.Lock()

    def reply(messages: Sequence[Message]) -> str | Exception | BaseModel:
        with lock:
            number = next(numbers)
        kind = messages[-1].content.split()[-1]
        return {
            "reply": f"reply {number}",
            "object": Verdict(verdict="odd" if number % 2 else "even"),
            "refused": ModelRefused(f"refused {number}"),
            "misfit": InvalidReply(f"misfit {number}", text=f"text {number}"),
            "too long": PromptTooLong(f"long {number}"),
            "long": PromptTooLong(f"long {number}"),
            "unreachable": ModelUnreachable(f"down {number}"),
        }[kind]

    own: dict[int, list[tuple[str, type[BaseModel] | None, tuple[str, str]]]] = defaultdict(list)
    taped = RecordedModel(ScriptedModel(reply), recording.cassette, role="map")

    def caller(thread: int, work: list[tuple[int, str]]) -> None:
        for number, kind in work:
            prompt, schema = f"{thread} {number} {kind}", Verdict if kind == "object" else None
            own[thread].append((prompt, schema, outcome(taped, prompt, schema)))

    started = [threading.Thread(target=caller, args=pair) for pair in enumerate(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()

    cassette = recording.replay()
    again = RecordedModel(None, cassette, role="map", name="scripted")
    for thread_calls in own.values():
        for prompt, schema, was in thread_calls:
            if was[0] != "ModelUnreachable":
                assert outcome(again, prompt, schema) == was
    assert cassette.unplayed == 0


def test_one_prompt_asked_by_many_threads_gives_each_recorded_reply_once() -> None:
    recording = Recording()
    taped = RecordedModel(ScriptedModel([f"reply {n}" for n in range(8)]), recording.cassette, role="map")
    threads = [threading.Thread(target=lambda: taped.complete(ask("same"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = replayed(recording.replay())
    assert sorted(again.complete(ask("same")).text for _ in range(8)) == [f"reply {n}" for n in range(8)]
