"""A scripted model and a fake harness, with which users can test their own set-up without a network."""

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML

from halo_opt.core.errors import InputError
from halo_opt.llm.model import Completion, Message

Reply = str | BaseModel | Exception


class ScriptedModel:
    """A `Model` that answers from a script and keeps the messages of each call in `asked`.

    The script is a list of replies in order, or a function of the messages. A reply is the text, an object (its JSON
    becomes the text) or an exception to raise. With a schema, the text must be a valid object of it.

    Example:
        >>> model = ScriptedModel(["yes", "no"])
        >>> model.complete([Message(role="user", content="Is it open?")]).text
        'yes'
    """

    def __init__(
        self, script: Iterable[Reply] | Callable[[Sequence[Message]], Reply], *, name: str = "scripted"
    ) -> None:
        self.name = name
        self.asked: list[list[Message]] = []
        self._function = script if callable(script) else None
        self._replies: list[Reply] = [] if callable(script) else list(script)
        self._lock = threading.Lock()

    @property
    def left(self) -> int:
        """How many replies of a list were not used."""
        return len(self._replies) - len(self.asked) if self._function is None else 0

    def complete(
        self,
        messages: Sequence[Message],
        *,
        schema: type[BaseModel] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """The next reply, given to `on_text` word by word; InputError when the script is used up or does not fit."""
        with self._lock:
            number = len(self.asked)
            if self._function is None and number >= len(self._replies):
                last = messages[-1].sent[:200] if messages else ""
                raise InputError(
                    f"the script of {len(self._replies)} replies is over, call {number + 1} asks {last!r}; add a reply"
                )
            self.asked.append(list(messages))
            reply = self._function(messages) if self._function is not None else self._replies[number]
        if isinstance(reply, Exception):
            raise reply
        text = reply.model_dump_json() if isinstance(reply, BaseModel) else reply
        parsed = None
        if schema is not None:
            try:
                parsed = schema.model_validate_json(text)
            except ValueError as error:
                raise InputError(
                    f"scripted reply {number + 1} is not a {schema.__name__}: {text[:200]!r}; correct the script"
                ) from error
        if on_text is not None:
            for piece in re.findall(r"\s*\S+|\s+$", text):
                on_text(piece)
        # Words stand for tokens: deterministic, and never zero for a real text.
        tokens_in = sum(len(message.sent.split()) for message in messages)
        return Completion(text=text, parsed=parsed, tokens_in=tokens_in, tokens_out=len(text.split()), cost_usd=0.0)


_FAKE_CONFIG = """\
# The fake harness: what each setting prevents is in its schema.
guards:
  loop: false  # the same action again and again
targets:
  from_page: false  # aiming at what is not there
patience: 6
"""
_FAKE_RULES = "You work on a page. Reply with one action.\n"
_FAKE_LOOP: dict[str, Any] = {
    "loop_id": "fake",
    "harness": {
        "command": ["python", "agent.py", "eval", "--attempts", "{attempts}", "--out", "{out}"],
        "describe": ["python", "agent.py", "describe"],
        "check": ["python", "agent.py", "check"],
        "editable": ["config.yaml", "prompts/**"],
    },
    "tasks": {"command": ["python", "agent.py", "tasks", "--count", "40"]},
    "splits": {
        "train": {"tasks": 12, "seeds": 3},
        "gate": {"tasks": 12, "seeds": 3},
        "sealed": {"tasks": 12, "seeds": 2},
    },
    "collect": {"workers": 2, "attempt_seconds": 20},
    "loop": {"iterations": 3, "candidates": 2},
}


class FakeHarness:
    """A git repository with a harness that keeps the contract, without a browser or a model.

    Its attempts fail by looping and by aiming at targets that do not exist; two settings prevent that. `fault` is its
    FAKE_FAULT (see halo_opt/testing/fake_harness.py), `changes` are merged over the loop file's top-level keys.

    Example:
        >>> harness = FakeHarness.create(tmp_path, loop={"iterations": 1})
        >>> config = load_config(harness.loop_file)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop_file = folder / "loop.yaml"

    @classmethod
    def create(cls, folder: Path, *, fault: Mapping[str, Any] | None = None, **changes: Any) -> "FakeHarness":
        """Write the harness and its loop.yaml into a new repository with one commit."""
        made = cls(folder)
        (folder / "prompts").mkdir(parents=True)
        script = Path(__file__).with_name("fake_harness.py").read_text(encoding="utf-8")
        (folder / "agent.py").write_text(script, encoding="utf-8")
        (folder / "config.yaml").write_text(_FAKE_CONFIG, encoding="utf-8")
        (folder / "prompts" / "rules.j2").write_text(_FAKE_RULES, encoding="utf-8")
        (folder / ".gitignore").write_text(".halo_opt/\ntraces/\nreports/\nloop.yaml\n", encoding="utf-8")
        made.write_loop(fault=fault, **changes)
        made.git("init", "--quiet", "--initial-branch", "main")
        made.git("add", ".")
        made.git("-c", "user.name=fake", "-c", "user.email=fake@localhost", "commit", "--quiet", "-m", "A harness")
        return made

    def write_loop(self, *, fault: Mapping[str, Any] | None = None, **changes: Any) -> None:
        """Write loop.yaml anew."""
        loop = json.loads(json.dumps({**_FAKE_LOOP, **changes}))
        if fault is not None:
            loop["harness"]["env"] = {"FAKE_FAULT": json.dumps(dict(fault))}
        with self.loop_file.open("w", encoding="utf-8") as file:
            YAML(typ="safe", pure=True).dump(loop, file)

    def git(self, *words: str) -> str:
        """Run git in the repository; what it printed."""
        done = subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout
