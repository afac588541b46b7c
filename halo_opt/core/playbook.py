"""The playbook says which remedies to try against which behaviour, and why. It is the only place that does.

Mining lists its words in findings, and the patch writer tries them in its order.
"""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from halo_opt.core.config import LoopConfig
from halo_opt.core.errors import ConfigError
from halo_opt.core.prompts import resource
from halo_opt.core.records import Record
from halo_opt.core.report_records import Finding
from halo_opt.core.validation import first_problem


class Remedy(Record):
    """One remedy word, its mechanism in a sentence, and the behaviours that go down if the mechanism is right."""

    word: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    because: str = Field(min_length=1)
    lowers: tuple[str, ...] = ()


class Entry(Record):
    """What to try against one behaviour, in order."""

    meaning: str
    remedies: tuple[Remedy, ...] = Field(min_length=1)


class NoOwnRemedy(Record):
    """Behaviours against which no remedy of their own is known, and the general one to try instead."""

    word: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    because: str = Field(min_length=1)
    behaviours: tuple[str, ...]


class Playbook(Record):
    """Remedies by behaviour, and those to try when nothing else is left."""

    version: Literal[1]
    behaviours: dict[str, Entry]
    no_own_remedy: NoOwnRemedy | None = None
    otherwise: tuple[Remedy, ...] = ()

    def words_for(self, behaviour: str) -> tuple[str, ...]:
        """The words of the remedies that are a behaviour's own, in the order to try; () where it has none."""
        entry = self.behaviours.get(behaviour)
        return tuple(remedy.word for remedy in entry.remedies) if entry else ()

    def all_words(self) -> frozenset[str]:
        """Every remedy word that is used anywhere."""
        words = {remedy.word for entry in self.behaviours.values() for remedy in entry.remedies}
        general = {self.no_own_remedy.word} if self.no_own_remedy else set()
        return frozenset(words | general | {remedy.word for remedy in self.otherwise})

    def remedies_for(self, finding: Finding) -> list[Remedy]:
        """Remedies in the order to try: the playbook's for the behaviour, then others that the finding names."""
        found = list(self._listed(finding.behaviour))
        known = {remedy.word for remedy in found}
        for word in finding.remedies:
            if word not in known:
                because = f"The analysis names it against this: {finding.title.rstrip('.')}."
                found.append(Remedy(word=word, because=because))
        return [r if r.lowers else r.model_copy(update={"lowers": (finding.behaviour,)}) for r in found]

    def _listed(self, behaviour: str) -> tuple[Remedy, ...]:
        if entry := self.behaviours.get(behaviour):
            return entry.remedies
        general = self.no_own_remedy
        if general is None or behaviour not in general.behaviours:
            return ()
        return (Remedy(word=general.word, because=general.because),)


def load_playbook(path: Path | None = None) -> Playbook:
    """The playbook in `path`, or the bundled one; raises ConfigError that names file and place."""
    return _read(path) if path else _bundled()


def playbook_of(config: LoopConfig) -> Playbook:
    """The playbook that a loop.yaml names, or the bundled one."""
    return load_playbook(config.resolve(config.playbook) if config.playbook else None)


@cache
def _bundled() -> Playbook:
    return _read(resource("playbook.yaml"))


def _read(path: Path) -> Playbook:
    try:
        data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as a playbook: {' '.join(str(error).split())[:200]}") from error
    try:
        return Playbook.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_problem(error, 'its top')}") from error
