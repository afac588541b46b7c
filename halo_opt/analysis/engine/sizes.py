"""How much an agent is shown at a time, from the context of its model. Pure."""

from dataclasses import dataclass
from typing import Self

from halo_opt.llm.roles import RoleModel

# Of SQL answers and ids; prose has more. Wrong by a third either way it still leaves room for several turns.
BYTES_PER_TOKEN = 3


@dataclass(frozen=True)
class Sizes:
    """`room` is what a prompt may take, in tokens; `first_bytes` of the first message's facts, `answer_bytes` of one
    tool's answer, `actions` of one turn; `details` and `guidance` whether there is room to explain every argument and
    to say how to work.
    """

    room: int
    first_bytes: int
    answer_bytes: int
    actions: int
    details: bool
    guidance: bool

    @classmethod
    def of(cls, role: RoleModel, most_actions: int) -> Self:
        """Sizes such that about three turns fit beside the instructions, however small the context."""
        room = max(role.context_tokens - role.reply_tokens, role.context_tokens // 2)
        actions = min(most_actions, 1 if room < 6_000 else 2 if room < 20_000 else most_actions)
        return cls(
            room=room,
            first_bytes=_within(room * BYTES_PER_TOKEN // 6, 900, 12_000),
            answer_bytes=_within(room * BYTES_PER_TOKEN // 5 // actions, 700, 12_000),
            actions=actions,
            details=room >= 6_000,
            guidance=room >= 12_000,
        )


def _within(size: int, least: int, most: int) -> int:
    return max(least, min(most, size))
