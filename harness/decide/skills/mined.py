"""Macros mined from successful attempts, as data and as routines. Reads one file; never writes or guesses a value."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.act.actions import ActionName
from harness.core.errors import UsageError
from harness.decide.cache.template import concrete, template_of
from harness.decide.skills.routine import MacroStep, Routine, step
from harness.observe.labels import find_labelled
from harness.observe.observation import Observation
from harness.observe.page_type import page_type
from harness.observe.volatile import site_of

MOST_SKILLS = 1000


class MinedStep(BaseModel):
    """One step; values of the goal stand as `⟨number⟩` in its words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: ActionName
    role: str
    label: str
    text: str | None = None


class MinedSkill(BaseModel):
    """Steps that several successful attempts had in common. It fits goals of its template on pages of its site family.

    `page_types` are those of the pages on which it began; `support` counts the attempts, `tasks` the tasks among them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]{1,80}$")
    site: str
    template: str
    page_types: list[str]
    steps: list[MinedStep] = Field(min_length=2, max_length=40)
    support: int = Field(ge=1)
    tasks: int = Field(ge=1)


class SkillFile(BaseModel):
    """The file that `skills mine` writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    skills: list[MinedSkill] = Field(max_length=MOST_SKILLS)


class MinedRoutine:
    """A mined skill run on a page: every target is found anew by role and label, and a missing one ends it."""

    def __init__(self, skill: MinedSkill, environment: str) -> None:
        self._skill, self._environment = skill, environment
        self.name = skill.name

    def first(self, goal: str, page: Observation) -> MacroStep | None:
        """Where site, goal template and kind of page are those that it was mined from."""
        fits = (
            template_of(goal).words == self._skill.template
            and site_of(self._environment, page.address or page.url) == self._skill.site
            and page_type(page) in self._skill.page_types
        )
        return self.next(goal, page, ()) if fits else None

    def next(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        """The step in its place, if its target is there."""
        if len(made) >= len(self._skill.steps):
            return None
        mined = self._skill.steps[len(made)]
        values = template_of(goal).values
        label = concrete(mined.label, values)
        text = None if mined.text is None else concrete(mined.text, values)
        if label is None or (text is None) != (mined.text is None):
            return None
        target = find_labelled(page, mined.role, label)
        if target is None or mined.action not in target.can:
            return None
        return step(mined.action, target, page, text)

    def reached(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> bool:  # noqa: ARG002  one protocol
        """Every step was made."""
        return len(made) == len(self._skill.steps)


def load_skills(path: Path) -> list[MinedSkill]:
    """The skills of a file. Raises UsageError where it is not one."""
    try:
        return SkillFile.model_validate(json.loads(path.read_text(encoding="utf-8"))).skills
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(f"{path}: {where}: {first['msg']}; make it with 'python -m harness skills mine'") from None
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from None


def routines_of(skills: Sequence[MinedSkill], environment: str) -> list[Routine]:
    """The skills as routines, the longest first: it saves the most."""
    ordered = sorted(skills, key=lambda s: (-len(s.steps), -s.support, s.name))
    return [MinedRoutine(skill, environment) for skill in ordered]
