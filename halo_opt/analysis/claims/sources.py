"""What a model's claims are checked against."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from halo_opt.analysis.claims.placeholders import Known
from halo_opt.store import Store
from halo_opt.store.guarded.guarded_rows import GuardedRows


@dataclass(frozen=True)
class ClaimSources:
    """The traces, and the harness's folder in which a suggested fix must lie (None: not checked).

    `rows` runs a model's SQL guarded. `first_steps` are the steps to compare in runs that the step limit cut short, by
    run id (`mining.cells.steps_where_success_ends`). `of_findings` are the numbers of mining's findings, by the names
    that placeholders give them.
    """

    store: Store
    rows: GuardedRows
    first_steps: Mapping[str, int]
    harness: Path | None = None
    of_findings: Mapping[str, Known] = field(default_factory=dict)
