"""What a new run of a report's own SQL does not confirm. A record and a route's type; no behaviour."""

from dataclasses import dataclass

from halo_opt.core.records import Value


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A number or excerpt that did not come out again: where in the report, what it says, what came out, why."""

    where: str
    reported: Value
    recomputed: Value
    reason: str
