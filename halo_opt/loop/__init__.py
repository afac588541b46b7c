"""The cycle: collect, analyze, propose, apply, collect again, diff, keep or revert."""

from halo_opt.loop.cycle import run_loop

__all__ = ["run_loop"]
