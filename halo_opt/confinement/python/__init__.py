"""A sandbox for Python that a model wrote, with variables that last from cell to cell.

The code is taken to be hostile, as a trace may have steered the model. It is not run unconfined: where this machine
cannot confine it, `Sandbox.start` raises SandboxMissing with the reason and the remedy.
"""

from halo_opt.confinement.python.cell_result import CellResult, Limits, SandboxMissing
from halo_opt.confinement.python.sandbox import Sandbox

__all__ = ["CellResult", "Limits", "Sandbox", "SandboxMissing"]
