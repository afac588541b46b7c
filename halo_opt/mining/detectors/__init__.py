"""All detectors, named one by one: a behaviour that is not in `ALL` is not looked for. No I/O."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.detectors import (
    answers,
    changes,
    effects,
    endings,
    errors,
    exploring,
    limits,
    outliers,
    repeats,
    replies,
    services,
    talk,
)

ALL: tuple[Behaviour, ...] = (
    *repeats.BEHAVIOURS,
    *effects.BEHAVIOURS,
    *exploring.BEHAVIOURS,
    *errors.BEHAVIOURS,
    *replies.BEHAVIOURS,
    *endings.BEHAVIOURS,
    *limits.BEHAVIOURS,
    *changes.BEHAVIOURS,
    *answers.BEHAVIOURS,
    *talk.BEHAVIOURS,
    *services.BEHAVIOURS,
    *outliers.BEHAVIOURS,
)
