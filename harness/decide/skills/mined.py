"""Macros mined from successful attempts: the file format, and running one as a routine."""

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
    """One step. Values of the goal are written as `⟨number⟩`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: ActionName
    role: str
    label: str
    text: str | None = None


class MinedSkill(BaseModel):
    """Steps that several successful attempts have in common, for goals of one template on one site.

    `page_types` are the types of the pages on which it started; `support` counts the attempts, `tasks` their tasks.
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
    """A mined skill as a routine. Every target is found by role and label; a missing target ends the routine."""

    def __init__(self, skill: MinedSkill, environment: str) -> None:
        self._skill, self._environment = skill, environment
        self.name = skill.name

    def first(self, goal: str, page: Observation) -> MacroStep | None:
        """The first step, where site, goal template and page type are those that it was mined from."""
        fits = (
            template_of(goal).text == self._skill.template
            and site_of(self._environment, page.address or page.url) == self._skill.site
            and page_type(page) in self._skill.page_types
        )
        return self.next(goal, page, ()) if fits else None

    def next(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> MacroStep | None:
        """The next step, if its target is on the page."""
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

    def reached(self, goal: str, page: Observation, made: Sequence[MacroStep]) -> bool:  # noqa: ARG002  part of the protocol
        """Whether every step was made."""
        return len(made) == len(self._skill.steps)


def load_skills(path: Path) -> list[MinedSkill]:
    """The skills of a file. Raises UsageError where it is not such a file."""
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
    """The skills as routines. The longest comes first, because it saves the most model calls."""
    ordered = sorted(skills, key=lambda s: (-len(s.steps), -s.support, s.name))
    return [MinedRoutine(skill, environment) for skill in ordered]
