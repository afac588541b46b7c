"""Which model does which part of an analysis. Opens nothing by itself: a role is given a model that is ready."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from halo_opt.llm.model import Model

Role = Literal["root", "sub", "map", "compact"]
ROLES: tuple[Role, ...] = ("root", "sub", "map", "compact")


@dataclass(frozen=True)
class RoleModel:
    """A model in a role. `context_tokens` holds prompt and reply together, `reply_tokens` is the longest reply."""

    model: Model
    context_tokens: int
    reply_tokens: int


@dataclass(frozen=True)
class Roles:
    """A model for each role; a role that was not given has the root's."""

    root: RoleModel
    others: Mapping[Role, RoleModel]

    def __getitem__(self, role: Role) -> RoleModel:
        return self.others.get(role, self.root)
