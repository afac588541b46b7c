"""Which model does which part of an analysis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from halo_opt.llm.model import Model

Role = Literal["root", "sub", "map", "compact"]
ROLES: tuple[Role, ...] = ("root", "sub", "map", "compact")


@dataclass(frozen=True)
class RoleModel:
    """A model in a role. `context_tokens` holds prompt and reply together, `reply_tokens` is the longest reply."""

    model: Model
    context_tokens: int
    reply_tokens: int


class RoleRecord(BaseModel):
    """What must be kept of a role to replay it: prompts depend on all of it. Lengths are in tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    context_tokens: int = Field(gt=0)
    reply_tokens: int = Field(gt=0)


@dataclass(frozen=True)
class Roles:
    """A model for each role; a role that was not given has the root's. `warnings` are for the user."""

    root: RoleModel
    others: Mapping[Role, RoleModel]
    warnings: tuple[str, ...] = ()

    def __getitem__(self, role: Role) -> RoleModel:
        return self.others.get(role, self.root)

    def records(self) -> dict[Role, RoleRecord]:
        """What to keep so that `replayed_roles` can stand for these."""
        return {
            role: RoleRecord(
                model=self[role].model.name,
                context_tokens=self[role].context_tokens,
                reply_tokens=self[role].reply_tokens,
            )
            for role in ROLES
        }
