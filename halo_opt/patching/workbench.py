"""Proposals and patches of the harness as committed now, outside a loop. Never runs an attempt."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from halo_opt.core.config import LoopConfig
from halo_opt.core.paths import CachePaths
from halo_opt.core.playbook import load_playbook
from halo_opt.core.records import Patch, Proposal
from halo_opt.core.report_records import Report
from halo_opt.git.commits import worktree
from halo_opt.patching.guard import Forbidden
from halo_opt.patching.harness_commands import describe, harness_check, list_tasks
from halo_opt.patching.patcher import build_patch, load_patch_file, preview
from halo_opt.patching.propose import Plan, plan
from halo_opt.patching.surface import HarnessDescription, Surface, parse_description, resolve_surface


def describe_at(config: LoopConfig, revision: str) -> HarnessDescription:
    """What the harness at `revision` says of itself; empty for a harness that has no describe command."""
    if config.harness.describe is None:
        return HarnessDescription()
    surface = resolve_surface(config.harness_root, revision, config.harness.editable)
    folder = CachePaths(config.base / ".halo_opt").worktrees / f"{config.loop_id}-describe"
    with worktree(surface.repo, surface.revision, folder) as checkout:
        return parse_description(describe(config.harness.describe, checkout / surface.inside))


def check_of(config: LoopConfig) -> Callable[[Path], None] | None:
    """The harness's own check as a function of a checkout; None when it has none."""
    return harness_check(config.harness.check) if config.harness.check else None


@dataclass(frozen=True)
class PatchBench:
    """What is needed to propose and build patches of one revision."""

    config: LoopConfig
    surface: Surface
    description: HarnessDescription
    forbidden: Forbidden

    @classmethod
    def open(cls, config: LoopConfig, revision: str = "HEAD") -> Self:
        """For the harness of a loop file at a revision of its repository."""
        surface = resolve_surface(config.harness_root, revision, config.harness.editable)
        forbidden = Forbidden(task_ids=frozenset(list_tasks(config)))
        return cls(config, surface, describe_at(config, surface.revision), forbidden)

    @property
    def check(self) -> Callable[[Path], None] | None:
        """The harness's own check."""
        return check_of(self.config)

    def plan(self, report: Report) -> Plan:
        """Proposals against a report's findings, best first, with what was passed over and why."""
        playbook = load_playbook(self.config.resolve(self.config.playbook)) if self.config.playbook else None
        limit = self.config.loop.max_parts
        return plan(report, self.description, self.surface.files, max_parts=limit, playbook=playbook)

    def read(self, path: Path) -> Proposal:
        """The proposal in a patch file."""
        return load_patch_file(path, self.surface, self.description)

    def preview(self, proposal: Proposal) -> str:
        """The diff that a proposal would make; guarded, nothing written."""
        return preview(proposal, self.surface, self.description, forbidden=self.forbidden)

    def build(self, proposal: Proposal, branch: str) -> Patch:
        """The proposal as a commit on `branch`."""
        return build_patch(
            self.surface, proposal, self.description, branch=branch, check=self.check, forbidden=self.forbidden
        )
