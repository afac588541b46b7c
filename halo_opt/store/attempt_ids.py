"""Ids that attempts are given: from their content, from their run, and the key of the hashes in redacted ids."""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from halo_opt.store.row_encoding import NOT_JSON, encode
from halo_opt.store.rows import Trace

# How the id of an attempt begins that is made from its content.
CONTENT = "content-"
# The file beside the store that holds the key of the hashes in redacted ids.
HASH_KEY = "redaction.key"


def id_in_run(trace_id: str, *parts: object) -> str:
    """Another id for an attempt whose id is taken, from its run, and from its place where that has it twice."""
    return f"{trace_id}~{hashlib.sha256(repr(parts).encode('utf-8', 'replace')).hexdigest()[:8]}"


def content_id(trace: Trace) -> str:
    """A hash of what an attempt holds, but for where it was found and how often it was tried before."""
    digest = hashlib.sha256()
    known = trace.attempt
    # A task without a name and a goal is named after the attempt.
    task_id = "" if known.task_id == known.trace_id else known.task_id
    attempt = known._replace(trace_id="", run_id="", task_id=task_id, attempt=0, source="", line=None)
    facts = trace.spans[0].attributes if trace.spans else {}
    messages = [(message.role, message.content) for message in trace.messages]
    steps = [(step.tool, step.arguments, step.result, step.error) for step in trace.steps]
    for value in (*attempt, *sorted(facts.items(), key=str), *messages, *steps):
        with suppress(*NOT_JSON):
            digest.update(encode(value))
    return f"{CONTENT}{digest.hexdigest()[:32]}"


def hash_key(folder: Path) -> bytes:
    """The key of the hashes in redacted ids: of the stores in one folder, and in a file that only its owner can read.

    It stands outside the store, so that whoever gets the store alone cannot try passwords against an id.
    """
    path = folder / HASH_KEY
    try:
        return path.read_bytes()
    except FileNotFoundError:
        made = folder / f"{HASH_KEY}.{os.getpid()}.{secrets.token_hex(4)}"
    number = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(secrets.token_hex(32).encode())
    try:
        os.link(made, path)  # whole or not at all, and the first of two that build at the same time wins
    except FileExistsError:
        pass
    finally:
        made.unlink()
    return path.read_bytes()
