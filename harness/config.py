"""Every setting of the harness with its bounds, and what mistake each one prevents. Pure: reads no file.

The bounds are the contract with whoever edits config.yaml, a person or an optimizer: what validates here may run.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Base: strict types, an unknown key is an error, values never change once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ObservationSettings(Settings):
    """How a page is written down for the agent."""

    form: Literal["flat", "tree", "controls"] = Field(
        "flat",
        description="flat: one line for each control and text; tree: the same, indented by nesting; controls: only "
        "what can be acted on. A long page drowns a small model; a page without its text hides what must be read.",
    )
    element_state: bool = Field(
        False,
        description="Show values, ticks, selection and open/closed. Without it an agent cannot see that it has "
        "already filled or ticked something, and does it again.",
    )
    max_chars: int = Field(
        3000, ge=200, le=20000, description="Cut a page after this many characters, so that no prompt overflows."
    )


class ActionSettings(Settings):
    """Which actions can be asked for, and how a target is named."""

    addressing: Literal["ref", "label"] = Field(
        "ref",
        description="ref: a target is its number on the page; label: its words. A small model copies words from the "
        "goal better than it looks up numbers; numbers are shorter where labels are long.",
    )
    constrain_targets: bool = Field(
        False,
        description="The reply schema lists the targets that exist, so that the agent cannot aim at one that does not.",
    )
    applicable_only: bool = Field(
        False,
        description="Only pairs of action and target that fit each other may be asked for (no click on a text field, "
        "no select on a button). Prevents steps lost on actions that the page cannot take.",
    )


class PromptSettings(Settings):
    """Optional parts of the prompt."""

    few_shot: bool = Field(
        False, description="Show worked examples on an unrelated page. Teaches the reply format and one action a step."
    )
    state_rules: bool = Field(
        False, description="Add a short list of rules (fill before submit, never repeat). Prevents acting out of order."
    )


class HistorySettings(Settings):
    """What the agent is told of its own past."""

    length: int = Field(
        0, ge=0, le=10, description="How many past actions are shown, with what came of each. 0 repeats itself blindly."
    )


class GuardSettings(Settings):
    """Checks on an action before it reaches the page."""

    loop: Literal["off", "warn", "block"] = Field(
        "off",
        description="What to do about the same action on the same target again while the page keeps its layout: "
        "nothing, a note in the next prompt, or refusal.",
    )
    loop_after: int = Field(
        2, ge=1, le=5, description="How often an action may be done before the loop guard acts; 1 forbids any repeat."
    )
    no_effect_ban: bool = Field(
        False,
        description="Refuse an action that changed nothing when it was last done on this same page. Prevents "
        "spending the whole step budget on a dead control.",
    )
    submit_check: Literal["off", "warn", "block"] = Field(
        "off",
        description="What to do about a submit-like click while fields of its form are still unanswered: nothing, a "
        "note, or refusal. Prevents sending a form before it is filled.",
    )
    done_check: bool = Field(
        False,
        description="Refuse `done` before any action has changed the page, while fields are unanswered, or before "
        "what was entered is sent. Prevents giving up early.",
    )


class LimitSettings(Settings):
    """When an attempt ends whatever the agent wants."""

    steps: int = Field(6, ge=1, le=100, description="Actions in one attempt. Too few cut long tasks; many cost time.")
    seconds: float = Field(
        120.0,
        ge=2.0,
        le=1800.0,
        strict=False,
        description="Wall-clock limit of one attempt, model waits included. Past it the browser is killed and the "
        "attempt is an error, not a failure, so that a hung page costs a bounded time.",
    )


class RetrySettings(Settings):
    """Second chances within one step."""

    invalid_action: int = Field(
        0, ge=0, le=3, description="How often the agent is asked again, with the reason, when its action is refused."
    )


class ModelSettings(Settings):
    """The model endpoint. HALO_MODEL, OPENAI_BASE_URL and the key variable override what stands here."""

    name: str = Field("default", min_length=1, max_length=200, description="Model name sent to the endpoint.")
    base_url: str = Field(
        "http://127.0.0.1:8080/v1", pattern=r"^https?://", description="Address of an OpenAI-compatible endpoint."
    )
    api_key_env: str = Field(
        "OPENAI_API_KEY",
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="Name of the environment variable that holds the key, so that no key stands in a file.",
    )
    temperature: float = Field(
        0.5, ge=0.0, le=2.0, strict=False, description="Sampling temperature. High values scatter simple choices."
    )
    max_tokens: int = Field(
        96, ge=16, le=4096, description="Longest reply. Too short cuts a reply inside its JSON; long lets one ramble."
    )
    timeout: float = Field(60.0, ge=1.0, le=600.0, strict=False, description="Seconds to wait for one reply.")
    retries: int = Field(
        4, ge=0, le=8, description="How often a refused or failed request (429, 5xx, no connection) is sent again."
    )
    reply_format: Literal["json_schema", "json_object", "text"] = Field(
        "json_schema",
        description="What is asked of the endpoint: a schema, any JSON, or nothing where it knows neither.",
    )
    compact_json: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Ask for JSON without free white space, which costs a small model a third of its reply. Said in a "
        "key of the schema that llama.cpp knows and OpenAI refuses; auto: only to an endpoint on this machine.",
    )
    usd_per_million_in: float | None = Field(
        None,
        ge=0.0,
        strict=False,
        description="Price of prompt tokens; null when unknown, and then no cost is reported.",
    )
    usd_per_million_out: float | None = Field(
        None, ge=0.0, strict=False, description="Price of reply tokens, likewise."
    )


class HarnessSettings(Settings):
    """Everything that one attempt runs with."""

    worker: Literal["openai_compatible", "rules"] = Field(
        "openai_compatible", description="Who decides: a model behind an endpoint, or fixed rules without a model."
    )
    observation: ObservationSettings = ObservationSettings.model_validate({})
    actions: ActionSettings = ActionSettings.model_validate({})
    prompt: PromptSettings = PromptSettings.model_validate({})
    history: HistorySettings = HistorySettings.model_validate({})
    guards: GuardSettings = GuardSettings.model_validate({})
    limits: LimitSettings = LimitSettings.model_validate({})
    retry: RetrySettings = RetrySettings.model_validate({})
    model: ModelSettings = ModelSettings.model_validate({})


class ConfigFile(Settings):
    """config.yaml: `defaults`, then the overlay of the mode, then the overlay of the model's name."""

    mode: str = Field("baseline_worker", description="The mode that runs when none is asked for; a key of `modes`.")
    defaults: HarnessSettings = Field(
        default=HarnessSettings.model_validate({}), description="Settings of every mode, before overlays."
    )
    modes: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Settings by mode name; only what differs from `defaults`."
    )
    overlays: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Settings by model name; only what that model needs otherwise."
    )
