"""All detectors, named one by one: a behaviour that is not in `ALL` is not looked for. No I/O."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.detectors import changes, effects, endings, errors, repeats, talk

ALL: tuple[Behaviour, ...] = (
    *repeats.BEHAVIOURS,
    *effects.BEHAVIOURS,
    *errors.BEHAVIOURS,
    *endings.BEHAVIOURS,
    *changes.BEHAVIOURS,
    *talk.BEHAVIOURS,
)
