"""Names of the events in an analysis's journal, and the reading of a journal as a recording."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from halo_opt.analysis.records import AnalysisLimits
from halo_opt.core.errors import InputError
from halo_opt.core.journal import Event, read_events
from halo_opt.llm.roles import Role, RoleRecord

BEGAN, MODELS, REPLY, SPEND = "analysis_started", "models", "reply", "spend"
STARTED, ENDED = "session_started", "session_ended"


@dataclass(frozen=True)
class Recording:
    """A recorded analysis: `began` holds its inputs and options as JSON data, `replies` the entries of a cassette."""

    path: Path
    began: dict[str, Any]
    roles: dict[Role, RoleRecord]
    limits: AnalysisLimits
    replies: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> "Recording":
        """Read the recording in a file. Raises InputError where there is none."""
        if not path.is_file():
            wrong = "is not a file" if path.exists() else "does not exist"
            raise InputError(f"{path} {wrong}; name a file that --record or analyze wrote")
        events = read_events(path)
        began, models = first(events, BEGAN), first(events, MODELS)
        if began is None or models is None:
            raise InputError(f"{path} holds no recorded analysis; name a file that --record or analyze wrote")
        try:
            roles: dict[Role, RoleRecord] = {
                role: RoleRecord.model_validate(kept) for role, kept in models["roles"].items()
            }
            limits = AnalysisLimits(**began["limits"])
        except (ValidationError, LookupError, TypeError, AttributeError) as error:
            words = " ".join(str(error).split())[:200]
            raise InputError(f"{path} was recorded by another version of halo-opt ({words}); record anew") from None
        return cls(path, began, roles, limits, [event.data for event in events if event.kind == REPLY])


def first(events: Iterable[Event], kind: str) -> dict[str, Any] | None:
    """The data of the first event of a kind."""
    return next((event.data for event in events if event.kind == kind), None)
