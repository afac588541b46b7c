"""One question to the `map` model about each row of a table: batched, in parallel, with a cache of the answers."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from halo_opt.analysis.engine.model_calls import ModelCalls
from halo_opt.analysis.engine.prompt_sizes import BYTES_PER_TOKEN, prompt_tokens, truncated
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.engine.threads import run_parallel
from halo_opt.analysis.engine.turns import json_in
from halo_opt.core.prompts import fence, render
from halo_opt.llm.model import InvalidReply, Message, ModelError

MAX_BATCH = 20
MAX_ANSWER = 400
# An answer without labels is at most a few dozen tokens long; a batch of them must fit the model's longest reply.
_TOKENS_PER_ANSWER = 60

_IDS = ("trace_id", "span_id")

Row = dict[str, Any]
# Hash of model, question and row -> answer.
AnswerCache = dict[str, str]


@dataclass(frozen=True)
class RowQuestion:
    """What is asked about each row, and the answers to choose from (None: free text)."""

    text: str
    labels: tuple[str, ...] | None = None

    def key(self, model: str, row: str) -> str:
        """The cache key of this question about a row, asked of a model."""
        identity = json.dumps([model, self.text, self.labels, row])
        return hashlib.sha256(identity.encode()).hexdigest()

    def schema(self, rows: int) -> type[BaseModel]:
        """The form of a reply about so many rows."""
        one: Any = Literal[self.labels] if self.labels else str
        return create_model(
            "Answers",
            __config__=ConfigDict(extra="forbid"),
            answers=(list[one], Field(min_length=rows, max_length=rows)),
        )


def answer_rows(
    question: RowQuestion,
    rows: Sequence[Row],
    *,
    calls: ModelCalls,
    cache: AnswerCache,
    max_threads: int,
    parent: Span | None,
) -> list[Row]:
    """Ask a question about each row that the cache has no answer for; new answers go into the cache.

    Which rows share a call follows from the rows and the cache alone, so that a recorded analysis can be replayed.

    Returns:
        Each row with its `answer`; where there is none, `answer` is None and `error` says why.

    Raises:
        AnalysisStopped: the analysis was stopped on the way.
    """
    role = calls.roles["map"]
    room = prompt_tokens(role) * BYTES_PER_TOKEN // 2
    texts = [truncated(json.dumps(_asked_about(row), default=str, ensure_ascii=False), room) for row in rows]
    keys = [question.key(role.model.name, text) for text in texts]
    unanswered = {key: text for key, text in sorted(zip(keys, texts, strict=True)) if key not in cache}
    batch_rows = max(1, min(MAX_BATCH, role.reply_tokens // _TOKENS_PER_ANSWER))
    jobs = [partial(_answer_batch, question, batch, calls, parent) for batch in _batches(unanswered, room, batch_rows)]
    errors: dict[str, str] = {}
    for answers, failed in run_parallel(jobs, max_threads) if jobs else []:
        cache.update(answers)
        errors.update(failed)
    answered: list[Row] = []
    for row, key in zip(rows, keys, strict=True):
        answer = {"answer": cache[key]} if key in cache else {"answer": None, "error": errors[key]}
        answered.append({**row, **answer})
    return answered


def _asked_about(row: Row) -> Row:
    """A row without the ids that only say which one it is; equal texts then share an answer."""
    return {name: value for name, value in row.items() if name not in _IDS} or row


def _batches(texts: dict[str, str], max_bytes: int, max_rows: int) -> Iterator[dict[str, str]]:
    batch: dict[str, str] = {}
    size = 0
    for key, text in texts.items():
        length = len(text.encode())
        if batch and (size + length > max_bytes or len(batch) == max_rows):
            yield batch
            batch, size = {}, 0
        batch[key] = text
        size += length
    if batch:
        yield batch


def _answer_batch(
    question: RowQuestion, batch: dict[str, str], calls: ModelCalls, parent: Span | None
) -> tuple[AnswerCache, dict[str, str]]:
    """Answers and errors by key. Where a batch fails as a whole, each of its rows is asked alone."""
    try:
        answers = _ask(question, list(batch.values()), calls, parent)
    except ModelError as error:
        if len(batch) == 1:
            calls.count(fault="row without answer")
            return {}, dict.fromkeys(batch, str(error))
        found: AnswerCache = {}
        errors: dict[str, str] = {}
        for key, text in batch.items():
            answer, failed = _answer_batch(question, {key: text}, calls, parent)
            found.update(answer)
            errors.update(failed)
        return found, errors
    return dict(zip(batch, answers, strict=True)), {}


def _ask(question: RowQuestion, texts: Sequence[str], calls: ModelCalls, parent: Span | None) -> list[str]:
    numbered = "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))
    values = {"question": question.text, "labels": question.labels, "rows": fence(numbered), "count": len(texts)}
    messages = [
        Message(role="system", content=render("analyzer_map_system.j2", {})),
        Message(role="user", content=render("analyzer_map.j2", values)),
    ]
    completion = calls.complete("map", messages, parent=parent, schema=question.schema(len(texts)))
    answers = (json_in(completion.text) or {}).get("answers")
    if not isinstance(answers, list) or len(answers) != len(texts):
        raise InvalidReply(f"the reply does not hold {len(texts)} answers", text=completion.text)
    found = [str(answer).strip()[:MAX_ANSWER] for answer in answers]
    if question.labels and (other := sorted(set(found) - set(question.labels))):
        raise InvalidReply(f"the answer {other[0]!r} is not one of the labels", text=completion.text)
    return found
