"""One question to a model for each row of a query: batched, at once, and each row's answer kept for the next time.

A row that gets no usable answer is reported as such; it never spoils the others and is never made up.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from halo_opt.analysis.engine.gate import Gate
from halo_opt.analysis.engine.sizes import BYTES_PER_TOKEN
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.engine.turns import json_in
from halo_opt.analysis.engine.words import cut
from halo_opt.analysis.engine.workers import together
from halo_opt.analysis.tools.data_marks import fence
from halo_opt.core.prompts import render
from halo_opt.llm.model import Message, ModelError, ModelMisfit

MAX_BATCH = 20
MAX_ANSWER = 400
# Characters of an answer without labels are a few dozen tokens; a batch must fit the model's longest reply.
_TOKENS_PER_ANSWER = 60

Row = dict[str, Any]
# What is asked and of whom (hashed) -> the answer.
Memo = dict[str, str]


@dataclass(frozen=True)
class Question:
    """What each row is asked, and the answers that are allowed (None: any words)."""

    words: str
    labels: tuple[str, ...] | None = None

    def key(self, model: str, row: str) -> str:
        """Under which an answer is kept: same model, same content, same answer."""
        said = json.dumps([model, self.words, self.labels, row])
        return hashlib.sha256(said.encode()).hexdigest()

    def schema(self, rows: int) -> type[BaseModel]:
        """The form of the reply for so many rows."""
        one: Any = Literal[self.labels] if self.labels else str
        return create_model(
            "Answers",
            __config__=ConfigDict(extra="forbid"),
            answers=(list[one], Field(min_length=rows, max_length=rows)),
        )


def answer_rows(
    question: Question, rows: Sequence[Row], *, gate: Gate, memo: Memo, at_once: int, parent: Span | None
) -> list[Row]:
    """Each row with its `answer`; None, with the reason in `error`, where there is none. Raises Stopped.

    Which rows share a call follows from the rows and the memo alone, never from time or threads.
    """
    role = gate.roles["map"]
    room = max(role.context_tokens - role.reply_tokens, role.context_tokens // 2) * BYTES_PER_TOKEN // 2
    texts = [cut(json.dumps(row, default=str, ensure_ascii=False), room) for row in rows]
    keys = [question.key(role.model.name, text) for text in texts]
    open_rows = {key: text for key, text in sorted(zip(keys, texts, strict=True)) if key not in memo}
    most = max(1, min(MAX_BATCH, role.reply_tokens // _TOKENS_PER_ANSWER))
    batches = list(_batches(open_rows, room, most))
    errors: dict[str, str] = {}
    jobs = [partial(_batch, question, batch, gate, parent) for batch in batches]
    for found, failed in together(jobs, at_once) if jobs else []:
        memo.update(found)
        errors.update(failed)
    return [
        {**row, "answer": memo[key]} if key in memo else {**row, "answer": None, "error": errors[key]}
        for row, key in zip(rows, keys, strict=True)
    ]


def _batches(texts: dict[str, str], room: int, most: int) -> Iterator[dict[str, str]]:
    batch: dict[str, str] = {}
    size = 0
    for key, text in texts.items():
        length = len(text.encode())
        if batch and (size + length > room or len(batch) == most):
            yield batch
            batch, size = {}, 0
        batch[key] = text
        size += length
    if batch:
        yield batch


def _batch(question: Question, batch: dict[str, str], gate: Gate, parent: Span | None) -> tuple[Memo, dict[str, str]]:
    """Answers and reasons by key; rows of a batch that failed together are asked one by one."""
    try:
        answers = _ask(question, list(batch.values()), gate, parent)
    except ModelError as error:
        if len(batch) > 1:
            single = [_batch(question, {key: text}, gate, parent) for key, text in batch.items()]
            found = {key: answer for one, _ in single for key, answer in one.items()}
            return found, {key: reason for _, failed in single for key, reason in failed.items()}
        gate.count(fault="row without answer")
        return {}, dict.fromkeys(batch, str(error))
    return dict(zip(batch, answers, strict=True)), {}


def _ask(question: Question, texts: Sequence[str], gate: Gate, parent: Span | None) -> list[str]:
    numbered = "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))
    values = {"question": question.words, "labels": question.labels, "rows": fence(numbered), "count": len(texts)}
    messages = [
        Message(role="system", content=render("analyzer_map_system.j2", {})),
        Message(role="user", content=render("analyzer_map.j2", values)),
    ]
    completion = gate.complete("map", messages, parent=parent, schema=question.schema(len(texts)))
    said = json_in(completion.text) or {}
    answers = said.get("answers")
    if not isinstance(answers, list) or len(answers) != len(texts):
        raise ModelMisfit(f"it does not hold {len(texts)} answers", text=completion.text)
    found = [str(answer).strip()[:MAX_ANSWER] for answer in answers]
    if question.labels and (other := sorted(set(found) - set(question.labels))):
        raise ModelMisfit(f"{other[0]!r} is none of the labels", text=completion.text)
    return found
