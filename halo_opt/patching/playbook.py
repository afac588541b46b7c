"""The playbook: which remedies to try against which behaviour, and why. Only reads its file; never edits anything."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

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


class Playbook(Record):
    """Behaviour name -> what to try; `otherwise` is for when nothing of that is left."""

    version: Literal[1]
    behaviours: dict[str, Entry]
    otherwise: tuple[Remedy, ...] = ()

    def remedies_for(self, finding: Finding) -> list[Remedy]:
        """Remedies in the order to try: the playbook's own, then those that the analysis named beside them."""
        entry = self.behaviours.get(finding.behaviour)
        found = [r if r.lowers else r.model_copy(update={"lowers": (finding.behaviour,)}) for r in _of(entry)]
        known = {r.word for r in found}
        for word in finding.remedies:
            if word not in known:
                because = f"The analysis names it against this: {finding.title.rstrip('.')}."
                found.append(Remedy(word=word, because=because, lowers=(finding.behaviour,)))
        return found


def _of(entry: Entry | None) -> tuple[Remedy, ...]:
    return entry.remedies if entry else ()


def load_playbook(path: Path | None = None) -> Playbook:
    """The playbook in `path`, or the bundled one; raises ConfigError that names file and place."""
    path = path or resource("playbook.yaml")
    try:
        data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as a playbook: {' '.join(str(error).split())[:200]}") from error
    try:
        return Playbook.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_problem(error, 'its top')}") from error
