"""The schema of a reply is sent no larger than it need be, and the reply is held to all of it when it is read."""

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer

from halo_opt.analysis.engine.submission import AnswerArguments, ClaimArguments, ReportArguments
from halo_opt.analysis.engine.turns import turn_schema
from halo_opt.analysis.tools.all import ALL
from halo_opt.analysis.tools.base import Tool, ToolContext
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.reply_schema import CompactSchema, schema_for_server, schema_prompt_bytes
from halo_opt.llm.request import CallSettings, connect, parameters_of

OURS = Endpoint("http://127.0.0.1:1/v1", "", "small", free=True)
OPENAI = Endpoint("https://api.openai.com/v1", "k", "gpt-4o", free=False, provider="openai")
ANTHROPIC = Endpoint("https://api.anthropic.com/v1", "k", "claude-sonnet-4-5", free=False, provider="anthropic")


def nothing(_arguments: Any, _context: ToolContext) -> str:
    return ""


ENDS = [
    Tool("claim", "x", ClaimArguments, nothing),
    Tool("submit_report", "x", ReportArguments, nothing),
    Tool("submit_answer", "x", AnswerArguments, nothing),
]
TURN = turn_schema([*ALL, *ENDS], 4, 400)


class Inner(BaseModel):
    """Words about it."""

    title: str = Field(max_length=9, description="what it is")
    default: int | None = Field(default=None, ge=0)


class Whole(CompactSchema):
    model_config = ConfigDict(extra="forbid")

    words: str = Field(max_length=40)
    inner: Inner
    others: list[Inner] = Field(default=[], max_length=2, description="more of them")
    value: int | float = 0
    either: int | Literal["all"] | None = None


def keys(part: Any) -> set[str]:
    """Every keyword of a schema, names of properties left out."""
    if isinstance(part, list):
        return set().union(*map(keys, part))
    if not isinstance(part, dict):
        return set()
    named = {"properties", "$defs"}
    inside = [v for k, v in part.items() if k not in named] + [v for k in named for v in part.get(k, {}).values()]
    return set(part) | keys(inside)


def test_a_form_has_no_words_and_what_may_be_left_out_is_never_null() -> None:
    inner = {
        "type": "object",
        "properties": {"title": {"maxLength": 9, "type": "string"}, "default": {"minimum": 0, "type": "integer"}},
        "required": ["title"],
    }
    assert Whole.model_json_schema() == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "words": {"maxLength": 40, "type": "string"},
            "inner": {"$ref": "#/$defs/Inner"},
            "others": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/Inner"}},
            "value": {"type": "number"},
            "either": {"anyOf": [{"type": "integer"}, {"const": "all", "type": "string"}]},
        },
        "required": ["words", "inner"],
        "$defs": {"Inner": inner},
    }


def test_bounds_of_inner_parts_go_to_our_own_server_alone_and_hold_for_every_reply() -> None:
    assert schema_for_server(OURS, Whole) == Whole.model_json_schema()
    sent = schema_for_server(OPENAI, Whole)
    assert sent["properties"]["words"] == {"maxLength": 40, "type": "string"}
    assert sent["properties"]["others"]["maxItems"] == 2
    assert sent["$defs"]["Inner"]["properties"] == {"title": {"type": "string"}, "default": {"type": "integer"}}
    with pytest.raises(ValidationError):
        Whole.model_validate({"words": "x", "inner": {"title": "far too long a title"}})
    assert Whole.model_validate({"words": "x", "inner": {"title": "t", "default": None}, "either": None}).value == 0


def test_what_is_no_form_is_sent_as_it_is() -> None:
    assert schema_for_server(OPENAI, Inner) == Inner.model_json_schema()


@pytest.mark.parametrize("endpoint", [OURS, OPENAI])
def test_a_turns_thought_stays_bounded_and_its_form_has_no_words(endpoint: Endpoint) -> None:
    sent = schema_for_server(endpoint, TURN)
    assert sent["properties"]["thought"] == {"maxLength": 400, "type": "string"}
    assert (sent["properties"]["actions"]["minItems"], sent["properties"]["actions"]["maxItems"]) == (1, 4)
    assert not keys(sent) & {"title", "description", "default"}
    assert ("maximum" in keys(sent)) == (endpoint is OURS)


def test_every_object_of_a_turn_is_closed_and_openais_strict_mode_takes_it() -> None:
    sent = schema_for_server(OPENAI, TURN)

    def objects(part: Any) -> list[dict[str, Any]]:
        inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
        own = [part] if isinstance(part, dict) and part.get("type") == "object" else []
        return own + [one for value in inside for one in objects(value)]

    assert len(objects(sent)) > len(ALL)
    assert all(one["additionalProperties"] is False and one["required"] for one in objects(sent))
    strict = OpenAIJsonSchemaTransformer(sent, strict=True).walk()
    assert all(list(one["properties"]) == one["required"] for one in objects(strict))


def test_anthropics_limits_hold_for_a_turn_with_all_tools() -> None:
    _, model = connect(ANTHROPIC, CallSettings())
    _, prepared = model.prepare_request(None, parameters_of(ANTHROPIC, model, TURN))
    assert prepared.output_mode == "native"


def test_a_turns_schema_costs_less_than_half_of_what_pydantic_would_send() -> None:
    plain = len(json.dumps(super(CompactSchema, TURN).model_json_schema(), separators=(",", ":")))
    assert schema_prompt_bytes(OPENAI, TURN) < plain / 2
    assert (schema_prompt_bytes(OURS, TURN), schema_prompt_bytes(OPENAI, None)) == (0, 0)
