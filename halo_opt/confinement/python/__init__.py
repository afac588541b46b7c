"""Python that a model wrote, run where it can do no harm, with variables that last from cell to cell.

Assume that the model was steered by a trace: the code is hostile. Nothing here ever runs it unconfined; where this
machine cannot confine it, `Sandbox.start` raises SandboxMissing with the reason and the remedy.
"""

from halo_opt.confinement.python.records import CellResult, Limits, SandboxMissing
from halo_opt.confinement.python.sandbox import Sandbox

__all__ = ["CellResult", "Limits", "Sandbox", "SandboxMissing"]
