"""The reply schema in the form that strict providers take, and their reply back in ours."""

import json
from typing import Any

import pytest
from harness_pages import button, checkbox, combobox, page, textbox

from harness.decide.choices import open_choices, reply_schema
from harness.models.schemas import strict, unwrapped
from harness.settings.schema import HarnessSettings


def nodes(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [n for item in schema for n in nodes(item)]
    if not isinstance(schema, dict):
        return []
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    return [schema, *nodes(inner)]


@pytest.mark.parametrize("constrain", [True, False])
@pytest.mark.parametrize("applicable", [True, False])
def test_every_schema_that_the_harness_makes_keeps_to_the_strict_rules(constrain: bool, applicable: bool) -> None:
    actions = {"constrain_targets": constrain, "applicable_only": applicable}
    settings = HarnessSettings.model_validate({"actions": actions})
    view = page(textbox(1, "Name"), checkbox(2, "Agree"), combobox(3, "Size", ("S", "M"), "S"), button(4, "Send"))
    schema = strict(reply_schema(open_choices(view, (), settings), settings))
    assert schema["type"] == "object"
    for node in nodes(schema):
        assert "type" in node or "anyOf" in node
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])


def test_a_choice_of_objects_is_wrapped_and_its_reply_unwrapped() -> None:
    branch = {"type": "object", "properties": {"action": {"const": "done"}}, "required": ["action"]}
    schema = strict({"anyOf": [branch, branch]})
    assert list(schema["properties"]) == ["act"]
    assert schema["properties"]["act"]["anyOf"][0]["properties"] == {"action": {"type": "string", "const": "done"}}
    assert json.loads(unwrapped('{"act": {"action": "done"}}')) == {"action": "done"}


@pytest.mark.parametrize("reply", ["I would click.", "", "[1, 2]", '{"act', "null", '"act"'])
def test_what_is_no_object_is_handed_on_as_it_is(reply: str) -> None:
    assert unwrapped(reply) == reply


def test_a_null_key_counts_as_left_out_and_words_keep_their_letters() -> None:
    assert unwrapped('{"action": "fill", "target": null, "text": "Zoë"}') == '{"action": "fill", "text": "Zoë"}'
