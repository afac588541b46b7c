"""How large the parts of an agent's prompts may be, from the context size of its model."""

from dataclasses import dataclass
from typing import Self

from halo_opt.llm.roles import RoleModel

# Measured on SQL answers and ids; prose has more. Off by a third either way, it still leaves room for several turns.
BYTES_PER_TOKEN = 3
# Prompts of fewer tokens than these are small, or medium; anything above is large.
_SMALL, _MEDIUM, _FEW_ACTIONS = 6_000, 12_000, 20_000


@dataclass(frozen=True)
class PromptSizes:
    """Limits on the parts of an agent's prompts.

    Attributes:
        prompt_tokens: tokens that a whole prompt may take.
        findings_bytes: bytes of mining's findings in the first message.
        answer_bytes: bytes of one tool's answer.
        max_actions: actions of one turn.
        argument_details: whether the instructions describe every argument of every tool.
        guidance: whether the instructions say how to work.
        thought_chars: characters of thinking aloud in one turn.
    """

    prompt_tokens: int
    findings_bytes: int
    answer_bytes: int
    max_actions: int
    argument_details: bool
    guidance: bool
    thought_chars: int

    @classmethod
    def of(cls, role: RoleModel, max_actions: int) -> Self:
        """Choose sizes so that about three turns fit beside the instructions, however small the context is."""
        return cls.within(prompt_tokens(role), max_actions)

    @classmethod
    def within(cls, tokens: int, max_actions: int) -> Self:
        """The sizes for prompts of at most so many tokens."""
        if tokens < _SMALL:
            max_actions = 1
        elif tokens < _FEW_ACTIONS:
            max_actions = min(2, max_actions)
        return cls(
            prompt_tokens=tokens,
            findings_bytes=_clamp(tokens * BYTES_PER_TOKEN // 6, 900, 12_000),
            answer_bytes=_clamp(tokens * BYTES_PER_TOKEN // 5 // max_actions, 700, 12_000),
            max_actions=max_actions,
            argument_details=tokens >= _SMALL,
            guidance=tokens >= _MEDIUM,
            # A model that thinks aloud at length has no tokens left for its actions.
            thought_chars=1_500 if tokens >= _MEDIUM else 400,
        )


def prompt_tokens(role: RoleModel) -> int:
    """The tokens that a prompt may take beside the reply: at least half of the context."""
    return max(role.context_tokens - role.reply_tokens, role.context_tokens // 2)


def truncated(text: str, max_bytes: int) -> str:
    """The first `max_bytes` bytes of a text, followed by how many bytes were left out."""
    data = text.encode("utf-8", "replace")
    if len(data) <= max_bytes:
        return text
    return f"{data[:max_bytes].decode('utf-8', 'ignore')} [... {len(data) - max_bytes:,} more bytes]"


def _clamp(size: int, least: int, most: int) -> int:
    return max(least, min(most, size))
