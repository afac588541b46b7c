"""The config file: what validates may run, and what does not is one sentence that names file, key and remedy."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from harness.core.errors import UsageError
from harness.settings.load import DEFAULT_CONFIG, load_file, load_settings, merged
from harness.settings.schema import HarnessSettings


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_file(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_bundled_config_starts_bare() -> None:
    mode, settings = load_settings(DEFAULT_CONFIG)
    assert mode == "baseline_worker"
    assert settings.actions.addressing == "ref"
    assert not settings.actions.constrain_targets
    assert not settings.prompt.few_shot
    assert settings.guards.loop == "off"
    assert settings.history.length == 0


def test_the_bundled_config_says_what_the_code_defaults_say() -> None:
    _, settings = load_settings(DEFAULT_CONFIG, "baseline_worker")
    assert settings.model_copy(update={"model": settings.model}) == settings
    groups = (
        "observation",
        "actions",
        "prompt",
        "history",
        "guards",
        "limits",
        "retry",
        "hierarchy",
        "escalation",
        "verifier",
    )
    for group in groups:
        assert getattr(settings, group) == getattr(HarnessSettings.model_validate({}), group)


def test_the_modes_of_the_hierarchy_add_one_helper_each() -> None:
    def helpers(mode: str) -> tuple[bool, bool, bool]:
        hierarchy = load_settings(DEFAULT_CONFIG, mode)[1].hierarchy
        return hierarchy.manager, hierarchy.cache, hierarchy.macros

    assert helpers("baseline_worker") == helpers("rules") == (False, False, False)
    assert helpers("hierarchy_mgr_gate") == (True, False, False)
    assert helpers("hierarchy_vac") == (True, True, False)
    assert helpers("hierarchy_vac_macros") == (True, True, True)


def test_a_mistyped_key_names_file_key_and_nearest(tmp_path: Path) -> None:
    path = written(tmp_path, "mode: rules\ndefaults:\n  guards:\n    lop: block\nmodes:\n  rules: {worker: rules}\n")
    said = refused(path)
    assert str(path) in said
    assert "'defaults.guards.lop'" in said
    assert "the nearest is 'loop'" in said


def test_a_mistyped_key_in_a_mode_names_the_mode(tmp_path: Path) -> None:
    said = refused(written(tmp_path, "mode: rules\nmodes:\n  rules: {wroker: rules}\n"))
    assert "'modes.rules.wroker'" in said
    assert "the nearest is 'worker'" in said


def test_a_value_out_of_bounds_is_refused(tmp_path: Path) -> None:
    said = refused(written(tmp_path, "mode: rules\ndefaults: {limits: {steps: 101}}\nmodes: {rules: {}}\n"))
    assert "defaults.limits.steps" in said
    assert "101" in said


def test_a_number_written_as_text_is_refused(tmp_path: Path) -> None:
    said = refused(written(tmp_path, 'mode: rules\ndefaults: {history: {length: "3"}}\nmodes: {rules: {}}\n'))
    assert "defaults.history.length" in said


@pytest.mark.parametrize("text", ["a: &x 1\nb: *x\n", "mode: !!python/name:os.system x\n"])
def test_anchors_aliases_and_tags_are_refused(tmp_path: Path, text: str) -> None:
    assert "anchors, aliases and tags are not allowed" in refused(written(tmp_path, text))


def test_broken_yaml_is_one_sentence(tmp_path: Path) -> None:
    assert "is not valid YAML" in refused(written(tmp_path, "a: [1\nb: 2"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "none.yaml")


def test_an_unknown_mode_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="the nearest is 'rules'"):
        load_settings(DEFAULT_CONFIG, "rule")


def test_the_overlay_of_the_model_is_laid_on_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "mode: m\ndefaults: {limits: {steps: 4}}\nmodes: {m: {limits: {steps: 5}}}\n"
    text += "overlays: {big: {limits: {steps: 9}}}\n"
    path = written(tmp_path, text)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("HALO_MODEL", "small")
    assert load_settings(path)[1].limits.steps == 5
    monkeypatch.setenv("HALO_MODEL", "big")
    assert load_settings(path)[1].limits.steps == 9


def test_the_environment_names_the_model_and_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_MODEL", "some-model")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    _, settings = load_settings(DEFAULT_CONFIG)
    assert settings.model.name == "some-model"
    assert settings.model.base_url == "http://127.0.0.1:9/v1"


def test_merging_keeps_what_the_overlay_does_not_name() -> None:
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}) == {"a": {"b": 1, "c": 3}}


def _groups() -> list[type[BaseModel]]:
    found = [HarnessSettings]
    for field in HarnessSettings.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found.append(field.annotation)  # noqa: PERF401  the list starts with another type
    return found


def test_every_setting_says_what_it_does() -> None:
    for group in _groups()[1:]:
        for name, field in group.model_fields.items():
            assert field.description, f"{group.__name__}.{name}"
            assert len(field.description) > 20


def test_every_number_has_bounds() -> None:
    schema = HarnessSettings.model_json_schema()
    for name, group in schema["$defs"].items():
        for key, field in group["properties"].items():
            shapes = field.get("anyOf", [field])
            for shape in shapes:
                if shape.get("type") in {"integer", "number"}:
                    assert "minimum" in shape, f"{name}.{key}"


@pytest.mark.parametrize("group", ["defaults", "modes.baseline_worker"])
def test_the_former_name_of_a_key_is_refused_with_the_present_one(tmp_path: Path, group: str) -> None:
    path = tmp_path / "config.yaml"
    inner = "{gate: {max_calls: 3}}"
    text = f"defaults: {inner}\nmodes: {{baseline_worker: {{}}}}\n"
    if group != "defaults":
        text = f"modes: {{baseline_worker: {inner}}}\n"
    path.write_text(text)
    with pytest.raises(UsageError, match=f"the key '{group}.gate' is now called 'escalation'"):
        load_file(path)
