"""Settings of the decision hierarchy: who decides besides the worker, when the manager is called, what is verified.

Pure: reads no file. The bounds are part of the contract that harness/config.py describes.
"""

from typing import Annotated, Literal

from pydantic import Field

from harness.config_base import Settings


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
