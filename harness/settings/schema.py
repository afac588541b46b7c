"""Every setting of the harness, with its bounds and the mistake that it prevents.

The bounds are the contract with whoever edits config.yaml, a person or an optimizer: what validates here may run.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Base of every group: strict types, frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ObservationSettings(Settings):
    """How a page is written down for the agent."""

    form: Literal["flat", "tree", "controls"] = Field(
        "flat",
        description="flat: one line for each control and text; tree: the same, indented by nesting; controls: only "
        "what can be acted on. A long page overwhelms a small model; a page without its text hides what must be "
        "read.",
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
        description="save: keep a screenshot of every step under artifacts/, for people; send: also send it to the "
        "model, which must take images. A screenshot takes about 50 kB and, sent, about a thousand tokens a step.",
    )


class ActionSettings(Settings):
    """Which actions can be asked for, and how a target is named."""

    addressing: Literal["ref", "label"] = Field(
        "ref",
        description="ref: a target is its number on the page; label: its name. A small model copies words from the "
        "goal better than it looks up numbers; numbers are shorter where labels are long.",
    )
    constrain_targets: bool = Field(
        False,
        description="The reply schema lists the targets that exist, so that the agent cannot aim at one that does not.",
    )
    applicable_only: bool = Field(
        False,
        description="The agent may only choose pairs of action and target that fit each other (no click on a text "
        "field, no select on a button). Prevents steps lost on actions that the page cannot take.",
    )
    navigation: bool = Field(
        False,
        description="Offer back, goto (an address on the same site) and wait. Sites of many pages need them; on a "
        "task of one page they only lead away from it.",
    )
    answer: bool = Field(
        False,
        description="Tell the agent that done may carry a text, the answer to the user. Without it a task that asks "
        "a question ends unanswered; where no question is asked it only costs tokens.",
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
    """How much of the attempt's history the prompt shows."""

    length: int = Field(
        0,
        ge=0,
        le=10,
        description="How many past actions are shown, each with its result. With 0 the agent repeats itself.",
    )


class GuardSettings(Settings):
    """Checks on an action before it reaches the page."""

    loop: Literal["off", "warn", "block"] = Field(
        "off",
        description="What to do when the same action on the same target comes again while the page keeps its layout: "
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
        description="What to do about a click that submits while fields of its form are still unanswered: nothing, a "
        "note, or refusal. Prevents sending a form before it is filled.",
    )
    done_check: bool = Field(
        False,
        description="Refuse `done` before any action has changed the page, while fields are unanswered, or before "
        "what was entered is submitted. Prevents giving up early.",
    )


# The step limits that REAL Bench is run with: for the score, and for a quick look.
SCORE_STEPS = 70
SPEED_STEPS = 25


class LimitSettings(Settings):
    """Limits at which an attempt ends."""

    steps: int = Field(
        6, ge=1, le=100, description="Actions in one attempt. Too few end long tasks early; many cost time."
    )
    seconds: float = Field(
        120.0,
        ge=2.0,
        le=1800.0,
        strict=False,
        description="Wall-clock limit of one attempt, model waits included. Past it the browser is killed and the "
        "attempt is an error, not a failure, so that a hung page costs a bounded time.",
    )


class RetrySettings(Settings):
    """Repeated model calls within one step."""

    invalid_action: int = Field(
        0, ge=0, le=3, description="How often the model is called again, with the problem, when its action is refused."
    )


class HierarchySettings(Settings):
    """Who may decide beside the worker. With everything off, the worker decides every step."""

    cache: bool = Field(
        False,
        description="Reuse actions that successful attempts have proven for the same site, goal and page. Saves "
        "model calls on tasks that come again; the attempts of one run then learn from each other.",
    )
    cache_proofs: int = Field(
        2,
        ge=1,
        le=10,
        description="With how many different goal values an action must have succeeded before it is reused for "
        "another value, where its text is not in the goal. 1 repeats the answer of one task in the next.",
    )
    macros: bool = Field(
        False,
        description="Run macro skills (fill a form, search and open, pick a date, write a message) step by step "
        "where their preconditions hold. Saves model calls; a macro stops at its first step that does not work.",
    )
    manager: bool = Field(
        False, description="Let the escalation rule call a second, stronger model for steps that are risky or stuck."
    )


Word = Annotated[str, Field(min_length=2, max_length=40)]


class EscalationSettings(Settings):
    """When the manager is called. Without hierarchy.manager these settings have no effect."""

    unusable_reply: bool = Field(
        True, description="Call it when the worker's reply is not a possible action, instead of losing the step."
    )
    errors_in_a_row: int = Field(
        2,
        ge=0,
        le=10,
        description="Call it after this many failed steps in a row; 0: never. 1 calls it after every mistake.",
    )
    loop_after: int = Field(
        2, ge=0, le=10, description="Call it when an action was already done this often on this same page; 0: never."
    )
    high_stakes: Literal["off", "model", "all"] = Field(
        "all",
        description="Call it before a step that cannot be taken back (see stakes_words): never (off), when the "
        "worker proposed it (model), or also when the cache or a macro did (all).",
    )
    stakes_words: list[Word] = Field(
        ["pay", "buy", "purchase", "place order", "checkout", "send", "delete", "remove", "transfer", "unsubscribe"],
        max_length=60,
        description="Words on a control that make a click on it a high-stakes step. Too many call the manager for "
        "everything; a missing one lets a payment pass without a check.",
    )
    final_answer: bool = Field(
        True,
        description="Call it before the worker ends the attempt with done. Prevents giving up early, at one call an "
        "attempt.",
    )
    low_confidence: bool = Field(
        False,
        description="Ask the worker to state its confidence, and call the manager when it is low. What a small model "
        "says of its own confidence is mostly noise, so it is off until it is shown to help.",
    )
    max_calls: int = Field(
        10, ge=0, le=100, description="Most calls in one attempt, so that a hopeless attempt has a bounded cost."
    )


class VerifierSettings(Settings):
    """Checks around each action, beyond the guards."""

    before: bool = Field(
        False,
        description="Observe again just before acting: the target must still be there and be the same element. "
        "Prevents a click on the wrong element of a page that changed while the model answered.",
    )
    after: bool = Field(
        False,
        description="Add a note to the next prompt when an action did not do what it is for: a field that did not "
        "take the text, an error message of the page, no effect. Prevents going on as if it had worked.",
    )
    loop_after: int = Field(
        0,
        ge=0,
        le=10,
        description="Add a note to the next prompt when the same was done on the same page this often; 0: never.",
    )


class ModelSettings(Settings):
    """The model and its endpoint. `harness/settings/load.py` says which environment variables override them."""

    backend: Literal["openai", "anthropic", "openai_compatible", "vllm", "local"] = Field(
        "openai_compatible",
        description="The request format and its rules: openai and anthropic with their official clients and a key; "
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
        description="The mode measures this very model: HALO_WORKER_MODEL does not replace it, and another "
        "HALO_MODEL is an error. Prevents one variable from making all modes of a comparison run the same model.",
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
        description="Name of the environment variable that holds the key, so that no key stands in a file; empty: "
        "the backend's own variable.",
    )
    temperature: float | None = Field(
        0.5,
        ge=0.0,
        le=2.0,
        strict=False,
        description="Sampling temperature. High values make simple choices random. null: not sent, for models that "
        "refuse it. It is not sent to anthropic, whose newer models refuse it.",
    )
    max_tokens: int = Field(
        96,
        ge=16,
        le=4096,
        description="Longest reply, in tokens. Too small a limit cuts the JSON; a large one lets the model ramble.",
    )
    timeout: float = Field(60.0, ge=1.0, le=600.0, strict=False, description="Seconds to wait for one reply.")
    retries: int = Field(
        4, ge=0, le=8, description="How often a refused or failed request (429, 5xx, no connection) is sent again."
    )
    reply_format: Literal["json_schema", "json_object", "text"] = Field(
        "json_schema",
        description="The reply format requested from the endpoint: a schema, any JSON, or none where it supports "
        "neither. At anthropic, json_object is a forced call of one tool, for models without reply schemas.",
    )
    compact_json: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Ask for JSON without free white space, which takes a small model a third of its reply. It is "
        "sent as a key of the schema that llama.cpp knows and OpenAI refuses; auto: only to a server on this "
        "machine that is not vllm.",
    )
    images: bool = Field(
        True,
        description="Whether this model takes images: a screenshot, where the observation has one, is sent to it. A "
        "text-only model refuses the whole request, so it needs false.",
    )
    usd_per_million_in: float | None = Field(
        None,
        ge=0.0,
        strict=False,
        description="Price of prompt tokens, in US dollars per million. null: the provider's list price at its own "
        "address; elsewhere the price is unknown and no cost is reported.",
    )
    usd_per_million_out: float | None = Field(
        None,
        ge=0.0,
        strict=False,
        description="Price of reply tokens, likewise. Only both prices together have an effect.",
    )


class ManagerSettings(ModelSettings):
    """The stronger model that the escalation rule calls. HALO_MANAGER_MODEL may set its name."""

    backend: Literal["openai", "anthropic", "openai_compatible", "vllm", "local"] = Field(
        "openai", description="As for the worker's model."
    )
    name: str = Field("gpt-4o", min_length=1, max_length=200, description="As for the worker's model.")
    max_tokens: int = Field(
        256, ge=16, le=4096, description="Longest reply, in tokens; a stronger model may write more before its action."
    )


class HarnessSettings(Settings):
    """Everything that one attempt runs with."""

    worker: Literal["model", "openai_compatible", "rules"] = Field(
        "model",
        description="Who decides: the model that `model` describes (openai_compatible is an older word for the "
        "same), or fixed rules without a model, which cost nothing.",
    )
    observation: ObservationSettings = ObservationSettings.model_validate({})
    actions: ActionSettings = ActionSettings.model_validate({})
    prompt: PromptSettings = PromptSettings.model_validate({})
    history: HistorySettings = HistorySettings.model_validate({})
    guards: GuardSettings = GuardSettings.model_validate({})
    limits: LimitSettings = LimitSettings.model_validate({})
    retry: RetrySettings = RetrySettings.model_validate({})
    hierarchy: HierarchySettings = HierarchySettings.model_validate({})
    escalation: EscalationSettings = EscalationSettings.model_validate({})
    verifier: VerifierSettings = VerifierSettings.model_validate({})
    model: ModelSettings = ModelSettings.model_validate({})
    manager: ManagerSettings = ManagerSettings.model_validate({})


SubsetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
TaskWord = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class ConfigFile(Settings):
    """config.yaml: `defaults`, then the overlay of the mode, then the overlay of the model's name."""

    mode: str = Field("baseline_worker", description="The mode that runs without --mode; a key of `modes`.")
    defaults: HarnessSettings = Field(
        default=HarnessSettings.model_validate({}), description="Settings of every mode, before overlays."
    )
    modes: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Settings by mode name: only those that differ from `defaults`."
    )
    overlays: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Settings by model name: only those that this model needs to differ."
    )
    subsets: dict[SubsetName, list[TaskWord]] = Field(
        default_factory=dict,
        description="Named task subsets: task ids, or sites (`gomail`) that stand for all their tasks.",
    )
