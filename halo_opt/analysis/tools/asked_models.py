"""The models that a tool may ask, where there are any. Asks nothing itself."""

from halo_opt.analysis.tools.base import Asking, Desk, ToolRefused


def asking(desk: Desk) -> Asking:
    """The desk's models. Raises ToolRefused where it has none."""
    if desk.asking is None:
        raise ToolRefused("there is no model to ask here; use 'sql', 'search' and 'contrast' instead")
    return desk.asking
