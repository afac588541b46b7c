"""Every setting of the harness with its bounds, and what mistake each one prevents. Pure: reads no file.

The bounds are the contract with whoever edits config.yaml, a person or an optimizer: what validates here may run.
"""

from typing import Annotated, Any, Literal

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
    summary: bool = Field(
        False,
        description="Fit a long page into max_tokens by what matters (dialogs, the goal's words and controls first, "
        "rows in the middle of a list last) instead of cutting its end off, which hides what stands at the bottom.",
    )
    max_tokens: int = Field(
        1500, ge=100, le=8000, description="Budget of a summarized page, at about four characters a token."
    )
    screenshot: Literal["off", "save", "send"] = Field(
        "off",
        description="save: keep a picture of every step under artifacts/, for people; send: also give it to the model, "
        "which must be one that sees. Pictures cost about 50 kB and, sent, about a thousand tokens a step.",
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
    navigation: bool = Field(
        False,
        description="Offer back, goto (an address on the same site) and wait. Sites of many pages need them; on a "
        "task of one page they only lead away from it.",
    )
    answer: bool = Field(
        False,
        description="Tell the agent that done may carry a text, the answer to the user. Without it a task that asks a "
        "question ends unanswered; where nothing is asked it only costs tokens.",
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


# The step limits that REAL Bench is run with: for the score, and for a quick look.
SCORE_STEPS = 70
SPEED_STEPS = 25


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


class HierarchySettings(Settings):
    """Who may decide besides the worker. All off: every step is the worker's."""

    cache: bool = Field(
        False,
        description="Reuse actions that were proven by successful attempts at the same site, goal and page. Saves "
        "model calls on tasks that come again; attempts of one run then learn from each other.",
    )
    cache_proofs: int = Field(
        2,
        ge=1,
        le=10,
        description="With how many different goal values an action must have succeeded before it is reused for another "
        "value, where its words are not in the goal. 1 repeats one task's answer on the next.",
    )
    macros: bool = Field(
        False,
        description="Run known routines (fill a form, search and open, pick a date, write a message) step by step "
        "where their preconditions hold. Saves model calls; a routine stops at its first step that did not work.",
    )
    manager: bool = Field(
        False, description="Let the gate call a second, stronger model for the steps that it finds risky or stuck."
    )


Word = Annotated[str, Field(min_length=2, max_length=40)]


class GateSettings(Settings):
    """When the manager is called. Without hierarchy.manager nothing here has an effect."""

    unusable_reply: bool = Field(
        True, description="Call it when the worker's reply is no possible action, instead of losing the step."
    )
    errors_in_a_row: int = Field(
        2, ge=0, le=10, description="Call it after this many failed steps in a row; 0 never. 1 pays for every slip."
    )
    loop_after: int = Field(
        2, ge=0, le=10, description="Call it when an action was already done this often on this same page; 0 never."
    )
    high_stakes: Literal["off", "model", "all"] = Field(
        "all",
        description="Call it before a step that cannot be taken back (stakes_words): never, when a model proposed it, "
        "or also when the cache or a macro did.",
    )
    stakes_words: list[Word] = Field(
        ["pay", "buy", "purchase", "place order", "checkout", "send", "delete", "remove", "transfer", "unsubscribe"],
        max_length=60,
        description="Words on a control that make a click on it a high-stakes step. Too many call the manager for "
        "everything; a missing one lets a payment pass unchecked.",
    )
    final_answer: bool = Field(
        True, description="Call it before the attempt is ended with done. Prevents giving up early, at a call each."
    )
    low_confidence: bool = Field(
        False,
        description="Ask the worker to say when it is unsure, and call the manager then. A small model's own doubt is "
        "noise, so it is off until it is shown to help.",
    )
    max_calls: int = Field(
        10, ge=0, le=100, description="Calls in one attempt, so that a hopeless one does not pay for it forever."
    )


class VerifierSettings(Settings):
    """Checks around each action, beyond the guards."""

    before: bool = Field(
        False,
        description="Look again just before acting: the target must still be there and be what was aimed at. A page "
        "that moved while the model thought gets no click on the wrong thing.",
    )
    after: bool = Field(
        False,
        description="Tell the agent when an action did not do what it is for: a field that did not take the text, a "
        "message of the page, no effect. Prevents going on as if it had worked.",
    )
    loop_after: int = Field(
        0, ge=0, le=10, description="Tell the agent when it has done the same on the same page this often; 0 never."
    )


class ModelSettings(Settings):
    """Which model answers, and where. What the environment may say instead: see `harness/settings/load.py`."""

    backend: Literal["openai", "anthropic", "openai_compatible", "vllm", "local"] = Field(
        "openai_compatible",
        description="Whose wire format and rules: openai and anthropic with their official clients and a key; "
        "openai_compatible for any server of that format; vllm the same at HALO_VLLM_URL with a key of its own, so "
        "that no provider's key goes to a rented machine; local the same on this machine only.",
    )
    name: str = Field(
        "default",
        min_length=1,
        max_length=200,
        description="Model name sent to the endpoint; a LoRA adapter on vLLM is the name it was served under.",
    )
    fixed: bool = Field(
        False,
        description="The mode is about this very model: HALO_WORKER_MODEL does not replace it, and another HALO_MODEL "
        "is refused. Prevents one variable from making the modes of a comparison all the same.",
    )
    base_url: str = Field(
        "",
        pattern=r"^(https?://.*)?$",
        max_length=500,
        description="Address of the endpoint; empty: the backend's own (for openai_compatible, port 8080 here).",
    )
    api_key_env: str = Field(
        "",
        pattern=r"^([A-Z][A-Z0-9_]*)?$",
        max_length=100,
        description="Name of the environment variable that holds the key, so that no key stands in a file; empty: the "
        "backend's own variable.",
    )
    temperature: float | None = Field(
        0.5,
        ge=0.0,
        le=2.0,
        strict=False,
        description="Sampling temperature. High values scatter simple choices. null: not sent, for models that refuse "
        "it; never sent to anthropic, whose newer models do.",
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
        description="What is asked of the endpoint: a schema, any JSON, or nothing where it knows neither. At "
        "anthropic, json_object is a forced call of one tool, for models that know no reply schema.",
    )
    compact_json: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Ask for JSON without free white space, which costs a small model a third of its reply. Said in a "
        "key of the schema that llama.cpp knows and OpenAI refuses; auto: only to a server on this machine that is not "
        "vllm.",
    )
    images: bool = Field(
        True,
        description="Whether this model sees: a screenshot, where the observation has one, is sent to it. A model "
        "without eyes refuses the whole request, so it needs false.",
    )
    usd_per_million_in: float | None = Field(
        None,
        ge=0.0,
        strict=False,
        description="Price of prompt tokens; null: the provider's listed price at its own address, else unknown, and "
        "then no cost is reported.",
    )
    usd_per_million_out: float | None = Field(
        None, ge=0.0, strict=False, description="Price of reply tokens, likewise; both or neither count."
    )


class ManagerSettings(ModelSettings):
    """The stronger model that the gate calls. Its name may come from HALO_MANAGER_MODEL."""

    backend: Literal["openai", "anthropic", "openai_compatible", "vllm", "local"] = Field(
        "openai", description="As for the worker's model; a stronger model is mostly a provider's."
    )
    name: str = Field("gpt-4o", min_length=1, max_length=200, description="As for the worker's model.")
    max_tokens: int = Field(
        256, ge=16, le=4096, description="Longest reply; a stronger model may say more before its action."
    )


class HarnessSettings(Settings):
    """Everything that one attempt runs with."""

    worker: Literal["model", "openai_compatible", "rules"] = Field(
        "model",
        description="Who decides: the model that `model` describes (openai_compatible is an older word for the same), "
        "or fixed rules without any model, so that nothing is ever paid for.",
    )
    observation: ObservationSettings = ObservationSettings.model_validate({})
    actions: ActionSettings = ActionSettings.model_validate({})
    prompt: PromptSettings = PromptSettings.model_validate({})
    history: HistorySettings = HistorySettings.model_validate({})
    guards: GuardSettings = GuardSettings.model_validate({})
    limits: LimitSettings = LimitSettings.model_validate({})
    retry: RetrySettings = RetrySettings.model_validate({})
    hierarchy: HierarchySettings = HierarchySettings.model_validate({})
    gate: GateSettings = GateSettings.model_validate({})
    verifier: VerifierSettings = VerifierSettings.model_validate({})
    model: ModelSettings = ModelSettings.model_validate({})
    manager: ManagerSettings = ManagerSettings.model_validate({})


SubsetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
TaskWord = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


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
    subsets: dict[SubsetName, list[TaskWord]] = Field(
        default_factory=dict,
        description="Named task subsets: task ids, or sites (`gomail`) that stand for all their tasks.",
    )
