"""The part of JSON Schema that settings files use, as pydantic writes it."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from halo_opt.patching.schema import SchemaMismatch, allowed, check, find, keys, leaves


class Form(StrEnum):
    FLAT = "flat"
    TREE = "tree"


class Inner(BaseModel):
    size: int = Field(default=3, ge=1, le=9)
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.5
    form: Form = Form.FLAT
    only: Literal["this"] = "this"
    name: str = Field(default="abc", pattern="^[a-z]+$", min_length=1, max_length=5)
    maybe: int | None = Field(default=None, ge=0)
    either: bool | Literal["auto"] = "auto"
    numbers: list[float] = Field(default=[], max_length=2)


class Outer(BaseModel):
    inner: Inner = Inner()
    modes: dict[str, Inner] = {}
    items: list[Inner] = []


ROOT = Outer.model_json_schema()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", 1), ("size", 0), ("size", 9), ("size", 10), ("size", 2.0), ("size", 2.5), ("size", True),
        ("size", "3"), ("size", None), ("ratio", 0.25), ("ratio", 0), ("ratio", 1.0), ("form", "tree"),
        ("form", "bush"), ("only", "this"), ("only", "that"), ("name", "abcde"), ("name", ""), ("name", "abcdef"),
        ("name", "A"),
        ("maybe", None), ("maybe", 4), ("maybe", -1), ("maybe", "x"), ("either", True), ("either", "auto"),
        ("either", "no"), ("numbers", [1.0]), ("numbers", [1.0, 2.0, 3.0]), ("numbers", ["x"]), ("numbers", 1.0),
    ],
)  # fmt: skip
def test_the_check_agrees_with_pydantic(key: str, value: Any) -> None:
    try:
        Inner.model_validate({key: value}, strict=key not in {"form"})
        good = not (key == "size" and isinstance(value, float))
    except ValidationError:
        good = False
    for place in (f"inner.{key}", f"modes.any.{key}", f"items.0.{key}"):
        try:
            check(value, find(ROOT, place), ROOT)
            assert good, place
        except SchemaMismatch:
            assert not good, place


def test_keys_lists_single_settings_in_order() -> None:
    assert keys(ROOT)[:3] == ["inner.size", "inner.ratio", "inner.form"]
    assert dict(leaves(ROOT))["inner.size"]["maximum"] == 9


def test_allowed_says_bounds_and_choices() -> None:
    said = {key: allowed(part, ROOT) for key, part in leaves(ROOT)}
    assert said["inner.size"] == "integer at least 1 and at most 9"
    assert said["inner.ratio"] == "number above 0 and below 1"
    assert said["inner.form"] == "one of 'flat', 'tree'"
    assert said["inner.maybe"] == "integer at least 0 or null"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("inner.sise", "the nearest is inner.size"),
        ("size", "the nearest is inner.size"),
        ("zzz", "at the top there are: inner, items, modes"),
        ("inner.zzzzzzzzzzzzzzzzzz", "under inner there are: either, form"),
        ("", "there is no setting"),
        ("items.x.size", "there is no setting"),
    ],
)
def test_a_key_that_does_not_exist_names_the_nearest(key: str, words: str) -> None:
    with pytest.raises(SchemaMismatch, match=words):
        find(ROOT, key)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({}, "does not say what is allowed"),
        ({"format": "date"}, "does not say what is allowed"),
        ({"$ref": "other.json"}, "outside the schema"),
        ({"$ref": "#/$defs/Gone"}, "does not exist"),
        ({"$ref": "#/$defs/Loop"}, "refers to itself"),
        ({"type": "strange"}, "must be strange"),
    ],
)
def test_a_schema_that_cannot_be_read_allows_nothing(part: dict[str, Any], words: str) -> None:
    root = {"$defs": {"Loop": {"$ref": "#/$defs/Loop"}}}
    with pytest.raises(SchemaMismatch, match=words):
        check(1, part, root)
