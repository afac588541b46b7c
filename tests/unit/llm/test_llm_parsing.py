import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from halo_opt.llm.parsing import parse_reply


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid")

    thought: str
    args: dict[str, Any] = {}


@pytest.mark.parametrize(
    "text",
    [
        '{"thought": "a } b"}',
        '```json\n{"thought": "a } b"}\n```',
        'Here it is: {"thought": "a } b"} as you asked.',
        'First {not json} and then {"thought": "a } b"}',
        'An example is {"other": 1}. Mine: {"thought": "a } b"}',
    ],
)
def test_the_object_is_found_with_or_without_words_around_it(text: str) -> None:
    assert parse_reply(text, Step) == Step(thought="a } b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no object at all", "Invalid JSON"),
        ("", "Invalid JSON"),
        ('{"thought": "cut of', "Invalid JSON"),
        ('so {"thought": 5} it is', "Input should be a valid string"),
        ('{"other": {"thought": "inner"}}', "Field required"),
        ('{"other": {"thought": "inner"}', "Invalid JSON"),
        ('{"thought":{"thought": "twice"}', "Invalid JSON"),
        ('{{"thought": "inner"}}', "Invalid JSON"),
    ],
)
def test_what_the_words_do_not_hold_is_not_guessed(text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        parse_reply(text, Step)


words = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=20)
objects = st.builds(
    Step, thought=st.text(max_size=20), args=st.dictionaries(st.text(max_size=3), st.integers(), max_size=3)
)


@given(words, objects, words)
def test_any_object_is_found_between_any_words_without_braces(before: str, step: Step, after: str) -> None:
    assert parse_reply(before + json.dumps(step.model_dump()) + after, Step) == step
