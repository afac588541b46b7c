"""Roles that a recording answers for. Opens no connection, starts no server, needs no key and imports no provider."""

from collections.abc import Mapping

from halo_opt.core.errors import ConfigError
from halo_opt.llm.cassette import Cassette, RecordedModel
from halo_opt.llm.roles import Role, RoleModel, RoleRecord, Roles


def replayed_roles(records: Mapping[Role, RoleRecord], cassette: Cassette) -> Roles:
    """Roles that answer from the cassette alone; `records` are those of the recorded run (`Roles.records`).

    Raises ConfigError when the root is not among them.
    """
    if "root" not in records:
        raise ConfigError("the cassette does not say which model was the root of the analysis; record anew")
    made = {
        role: RoleModel(
            RecordedModel(None, cassette, role=role, name=record.model), record.context_tokens, record.reply_tokens
        )
        for role, record in records.items()
    }
    return Roles(root=made["root"], others=made)
