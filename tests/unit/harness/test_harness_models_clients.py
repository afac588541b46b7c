"""What each provider is sent, and what is read of its reply, over a real local connection."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from model_servers import Asked, ModelServer, anthropic_reply, openai_reply, request, serving, text

from harness.models.base import ChatRequest, Message

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"action": {"type": "string", "enum": ["click"]}, "text": {"type": "string"}},
    "required": ["action"],
    "additionalProperties": False,
}
STRICT: dict[str, Any] = {
    **SCHEMA,
    "properties": {
        "action": {"type": "string", "enum": ["click"]},
        "text": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["action", "text"],
}
PNG = b"\x89PNG not really"


@pytest.fixture
def openai() -> Iterator[ModelServer]:
    with serving("openai") as server:
        yield server


@pytest.fixture
def anthropic() -> Iterator[ModelServer]:
    with serving("anthropic") as server:
        yield server


def test_a_compatible_server_is_sent_what_small_servers_know(openai: ModelServer) -> None:
    openai.says("{}")
    reply = Asked(openai, compact_json="off", temperature=0.0)(request(schema=SCHEMA))
    assert openai.seen[0] == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
        "temperature": 0.0,
        "seed": 5,
        "max_tokens": 96,
        "response_format": {"type": "json_schema", "json_schema": {"name": "action", "schema": SCHEMA}},
    }
    assert reply.sampling == {"temperature": 0.0, "seed": 5}
    assert openai.paths == ["/v1/chat/completions"]


def test_openai_itself_is_sent_its_strict_form(openai: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    openai.says('{"action": "click", "text": null}')
    # Reached through a proxy, as from a company's network: an address of this machine would count as a stand-in.
    monkeypatch.setenv("HTTP_PROXY", openai.base_url.removesuffix("/v1"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    reply = Asked("http://openai.example/v1", backend="openai")(request(schema=SCHEMA))
    assert openai.paths == ["http://openai.example/v1/chat/completions"]
    sent = openai.seen[0]
    assert sent["max_completion_tokens"] == 96
    assert "max_tokens" not in sent
    assert sent["response_format"]["json_schema"] == {"name": "action", "schema": STRICT, "strict": True}
    assert json.loads(reply.text) == {"action": "click"}


def test_what_stands_in_for_openai_on_this_machine_is_sent_the_plain_form(openai: ModelServer) -> None:
    openai.says("{}")
    Asked(openai, backend="openai")(request(schema=SCHEMA))
    assert openai.seen[0]["max_tokens"] == 96
    assert "strict" not in openai.seen[0]["response_format"]["json_schema"]


@pytest.mark.parametrize(
    ("backend", "setting", "compact"),
    [
        ("openai_compatible", "auto", True),
        ("local", "auto", True),
        ("vllm", "auto", False),
        ("vllm", "on", True),
        ("openai_compatible", "off", False),
    ],
)
def test_compact_json_is_asked_of_a_local_server_but_not_through_a_tunnel(
    openai: ModelServer, backend: str, setting: str, compact: bool
) -> None:
    openai.says("{}")
    Asked(openai, backend=backend, compact_json=setting)(request(schema=SCHEMA))
    assert ("x-guidance" in openai.seen[0]["response_format"]["json_schema"]["schema"]) is compact


@pytest.mark.parametrize(("kind", "sent"), [("json_object", {"type": "json_object"}), ("text", None)])
def test_the_reply_format_is_what_the_setting_says(openai: ModelServer, kind: str, sent: dict[str, str] | None) -> None:
    openai.says("{}")
    Asked(openai, reply_format=kind)(request(schema=SCHEMA))
    assert openai.seen[0].get("response_format") == sent


def test_free_text_asks_for_no_format(openai: ModelServer, anthropic: ModelServer) -> None:
    for server in (openai, anthropic):
        server.says("hi")
        Asked(server)()
        assert not {"response_format", "output_config", "tools"} & set(server.seen[0])


def test_a_proxy_is_not_asked_for_this_machine(
    openai: ModelServer, anthropic: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    for server in (openai, anthropic):
        server.says("hi")
        assert Asked(server)().text == "hi"


def test_a_temperature_of_null_is_not_sent(openai: ModelServer) -> None:
    openai.says("hi")
    assert Asked(openai, temperature=None)().sampling == {"seed": 5}
    assert "temperature" not in openai.seen[0]


def test_an_image_goes_with_the_last_user_message(openai: ModelServer, anthropic: ModelServer) -> None:
    data = base64.b64encode(PNG).decode()
    openai.says("hi")
    Asked(openai)(request(image=PNG))
    assert openai.seen[0]["messages"][0]["content"] == "Be brief."
    assert openai.seen[0]["messages"][1]["content"] == [
        {"type": "text", "text": "hello"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ]
    anthropic.says("hi")
    Asked(anthropic)(request(image=PNG))
    assert anthropic.seen[0]["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
        {"type": "text", "text": "hello"},
    ]


def test_a_refusal_is_the_agent_s_answer(openai: ModelServer, anthropic: ModelServer) -> None:
    openai.sends(openai_reply(None, refusal="I can't help with that."))
    assert Asked(openai)().text == "I can't help with that."
    anthropic.sends(anthropic_reply(stop="refusal"))
    assert Asked(anthropic)().text == "(the model refused to answer)"


def test_an_empty_reply_is_an_empty_text(openai: ModelServer, anthropic: ModelServer) -> None:
    openai.sends(openai_reply(None))
    assert Asked(openai)().text == ""
    anthropic.sends(anthropic_reply())
    assert Asked(anthropic)().text == ""


def test_tokens_that_are_not_told_stay_unknown(openai: ModelServer) -> None:
    openai.sends({"choices": [{"message": {"content": "hi"}}]})
    tokens = Asked(openai)().tokens
    assert (tokens.prompt, tokens.reply) == (None, None)


def test_openai_s_cached_tokens_are_told_apart(openai: ModelServer) -> None:
    usage = {"prompt_tokens": 2000, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 1024}}
    openai.sends(openai_reply("hi") | {"usage": usage})
    tokens = Asked(openai)().tokens
    assert (tokens.prompt, tokens.cache_read) == (2000, 1024)


def test_anthropic_is_sent_its_own_form(anthropic: ModelServer) -> None:
    anthropic.says('{"action": "click", "text": null}')
    reply = Asked(anthropic)(request(schema=SCHEMA))
    assert anthropic.seen[0] == {
        "model": "m",
        "max_tokens": 96,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
        "output_config": {"format": {"type": "json_schema", "schema": STRICT}},
    }
    assert json.loads(reply.text) == {"action": "click"}
    assert reply.sampling == {}
    assert anthropic.paths == ["/v1/messages"]


def test_anthropic_s_cache_ends_with_the_last_message_that_never_changes(anthropic: ModelServer) -> None:
    anthropic.says("hi")
    messages = (
        Message(role="system", content="s"),
        Message(role="user", content="example"),
        Message(role="assistant", content="answer"),
        Message(role="user", content="page"),
    )
    Asked(anthropic)(ChatRequest(messages=messages, fixed=3))
    sent = anthropic.seen[0]
    mask_goal_values = [m["content"] for m in sent["messages"] if "cache_control" in m["content"][-1]]
    assert mask_goal_values == [[{"type": "text", "text": "answer", "cache_control": {"type": "ephemeral"}}]]
    assert "cache_control" not in sent["system"][0]


def test_anthropic_s_cached_tokens_count_as_prompt(anthropic: ModelServer) -> None:
    anthropic.sends(anthropic_reply(text("hi"), cache_read_input_tokens=900, cache_creation_input_tokens=100))
    tokens = Asked(anthropic)().tokens
    assert (tokens.prompt, tokens.reply, tokens.cache_read, tokens.cache_written) == (1011, 7, 900, 100)


def test_anthropic_models_without_reply_schemas_are_given_a_tool(anthropic: ModelServer) -> None:
    call = {"type": "tool_use", "id": "t", "name": "act", "input": {"action": "click", "text": None}}
    anthropic.sends(anthropic_reply(text("I click."), call, stop="tool_use"))
    reply = Asked(anthropic, reply_format="json_object")(request(schema=SCHEMA))
    sent = anthropic.seen[0]
    assert sent["tool_choice"] == {"type": "tool", "name": "act"}
    assert sent["tools"][0]["input_schema"] == STRICT
    assert json.loads(reply.text) == {"action": "click"}
