"""The tables of the store: names, types, units and meanings in one place.

The store is an index that can be rebuilt from the trace files at any time, so a change here raises `VERSION` and a
store of another version counts as stale; nothing is migrated in place.
"""

from typing import NamedTuple

VERSION = 4


class Column(NamedTuple):
    """A column: its DuckDB type and what it means, with the unit where there is one."""

    name: str
    type: str
    meaning: str


class Table(NamedTuple):
    """A table: what one row is, and its columns in order."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    primary_key: str | None = None


def _columns(*lines: str) -> tuple[Column, ...]:
    """Columns from lines `name TYPE meaning`."""
    return tuple(Column(*line.split(" ", 2)) for line in lines)


TABLES: tuple[Table, ...] = (
    Table(
        "runs",
        "a set of attempts made with one harness revision, one model, one mode",
        _columns(
            "run_id VARCHAR name of the run; that of its file or its files' folder where the format names none",
            "format VARCHAR reader that recognised it, such as run-folder, spans or tau-bench",
            "harness_revision VARCHAR commit or version of the harness; NULL when not known",
            "model VARCHAR model that the agent used; NULL when not known",
            "mode VARCHAR way of working of the harness",
            "purpose VARCHAR why the run was made, in the words of run.json",
            "source VARCHAR folder or file that it was read from",
        ),
    ),
    Table(
        "attempts",
        "one run of one task with one seed: one trace",
        _columns(
            "trace_id VARCHAR id of the attempt; made from run, task and seed where the format has none",
            "run_id VARCHAR run that it belongs to",
            "task_id VARCHAR task; goal-<hash of the goal> or the trace id where the format names none;"
            " ends in #goal-<hash> where one id had different goals",
            "seed BIGINT seed (tau-bench: its repetition); NULL when not known",
            "attempt BIGINT number of the attempt for the same task and seed, from 0",
            "outcome VARCHAR success, failure, or error (not a measurement); NULL when not known",
            "score DOUBLE fraction of a full score, 0 to 1; NULL for errors and when not known",
            "cause VARCHAR who ended an attempt that was not a measurement",
            "end_reason VARCHAR done, task_over, error, or the limit that was hit: step_limit, time_limit, cost_limit,"
            " context_limit, output_limit or error_limit; NULL when not known",
            "mode VARCHAR way of working of the harness",
            "model VARCHAR model that the agent used",
            "harness_revision VARCHAR commit or version of the harness",
            "goal VARCHAR what the agent was asked to reach",
            "steps INTEGER observe-decide-act turns",
            "step_limit INTEGER most steps allowed; NULL when not known",
            "tokens_in BIGINT prompt tokens over the whole attempt; NULL when not known",
            "tokens_out BIGINT completion tokens over the whole attempt; NULL when not known",
            "cost_usd DOUBLE cost of the model calls in US dollars; NULL when not known",
            "started_at TIMESTAMP start, UTC",
            "ended_at TIMESTAMP end, UTC",
            "source VARCHAR file that holds the attempt's result",
            "line BIGINT line or record in that file, from 1",
            "outcome_from VARCHAR what the outcome follows from: verdict (stated as such), score (1 or the threshold of"
            " --success-at), or scores file; NULL when not known",
            "source_id VARCHAR the attempt's id in its source; a hash of its content where the source gives none",
        ),
        "trace_id",
    ),
    Table(
        "spans",
        "one timed piece of an attempt, in the OpenTelemetry sense",
        _columns(
            "trace_id VARCHAR attempt",
            "span_id VARCHAR id, unique within the attempt alone: join by trace_id and span_id; made up where the"
            " format has no spans",
            "parent_span_id VARCHAR enclosing span, '' for the root",
            "name VARCHAR name that the producer gave",
            "kind VARCHAR AGENT, CHAIN, LLM, TOOL, ... or SPAN when not known",
            "started_at TIMESTAMP start, UTC",
            "ended_at TIMESTAMP end, UTC",
            "status VARCHAR ok, error or unset",
            "status_message VARCHAR what went wrong",
            "attributes JSON all attributes, without the prompt messages, which are in messages",
            "resource JSON attributes of the program that made the span",
            "source VARCHAR file that holds the span",
            "line BIGINT line or record in that file, from 1",
            "byte_offset BIGINT where the span's line begins in that file; NULL where it has no line, or is compressed",
            "byte_length BIGINT length of that line in bytes, without its end",
            "model VARCHAR model of an LLM span",
            "tokens_in BIGINT prompt tokens that the span states, and no span in it",
            "tokens_out BIGINT completion tokens that the span states, and no span in it",
            "cost_usd DOUBLE cost in US dollars that the span states, and no span in it",
            "tool VARCHAR tool of a TOOL span",
            "call_hash BIGINT hash of tool and arguments: equal for equal calls; NULL for other spans",
            "error_type VARCHAR kind of error, as the producer names it, or as the result of a call shows once contents"
            " are read; NULL when fine, and where the error came from a span in this one",
            "step INTEGER step that the span marks; NULL for other spans",
            "agent VARCHAR agent that the span belongs to; NULL where the trace has one agent without a name",
            "uncounted JSON what the span states of itself but other spans of its trace count: kind, tokens_in,"
            " tokens_out, cost_usd, tool, call_hash or error_type; NULL for most",
        ),
    ),
    Table(
        "messages",
        "one message of an attempt's conversation, stored once however often prompts repeat it",
        _columns(
            "trace_id VARCHAR attempt",
            "span_id VARCHAR span that sent or got it first; unique within the attempt alone",
            "position INTEGER position in the conversation, from 0",
            "role VARCHAR system, user, assistant or tool",
            "content VARCHAR text of the message",
            "agent VARCHAR agent that sent or got it; NULL where the trace has one agent without a name",
        ),
    ),
    Table(
        "tool_calls",
        "one call of one tool",
        _columns(
            "trace_id VARCHAR attempt",
            "span_id VARCHAR span of the call; unique within the attempt alone",
            "step INTEGER step that made it, from 0",
            "position INTEGER position among the calls of the attempt, from 0",
            "tool VARCHAR name of the tool or action",
            "arguments VARCHAR arguments as JSON or text",
            "target VARCHAR what the action acts on, in words",
            "result VARCHAR what came back",
            "error VARCHAR what went wrong, in words; NULL when fine",
            "error_type VARCHAR kind of error; NULL when fine",
            "agent VARCHAR agent that made the call; NULL where the trace has one agent without a name",
        ),
    ),
    Table(
        "steps",
        "one observe-decide-act turn; of several calls its tool columns show the first that failed, else the first",
        _columns(
            "trace_id VARCHAR attempt",
            "step INTEGER number of the step, from 0",
            "span_id VARCHAR span of the step; unique within the attempt alone",
            "observation VARCHAR what the agent saw before it decided",
            "reply VARCHAR what the model said",
            "tool VARCHAR action; 'respond' for a message to a user; NULL when no action could be read",
            "arguments VARCHAR arguments of the action as JSON or text",
            "target VARCHAR what the action acts on, in words",
            "result VARCHAR what came back",
            "error VARCHAR what went wrong, in words; NULL when fine",
            "error_type VARCHAR format, unknown_action, unknown_target, not_applicable, invalid_arguments, blocked,"
            " execution, tool_error or invalid_action; NULL when fine",
            "page_changed BOOLEAN the page changed after the action; NULL when not known or no action ran",
            "empty_fields INTEGER editable fields that were empty before the action; NULL when not known",
            "submits BOOLEAN the target submits a form; NULL when not known",
            "started_at TIMESTAMP start, UTC",
            "ended_at TIMESTAMP end, UTC",
            "agent VARCHAR agent that took the step; NULL where the trace has one agent without a name",
        ),
    ),
    Table(
        "scores",
        "a judgement of an attempt and who gave it",
        _columns(
            "trace_id VARCHAR attempt",
            "name VARCHAR what was judged: reward, turn_reward, ...",
            "value DOUBLE the score; NULL when only a label was given",
            "label VARCHAR a word beside it; for turn_reward the step",
            "source VARCHAR who gave it",
        ),
    ),
    Table(
        "rejects",
        "a line, or one value of a line, that could not be used; everything around it was kept",
        _columns(
            "source VARCHAR file",
            "line BIGINT line or record in that file, from 1; 0 for the file as a whole",
            "byte_offset BIGINT where the line begins in that file; NULL where that is not known",
            "reason VARCHAR why it was not used",
            "head VARCHAR how the line, or the value, begins (200 characters at most)",
            "field VARCHAR column that cannot hold the value, such as attempts.steps, and is NULL instead;"
            " NULL when no part of the line was used",
        ),
    ),
    Table(
        "inputs",
        "a file or run folder that the store was built from",
        _columns(
            "path VARCHAR as the user gave it",
            "format VARCHAR reader that recognised it",
            "sha256 VARCHAR hash of its bytes (of all its files' names and hashes for a folder); NULL without contents",
            "bytes BIGINT size in bytes",
            "stamp VARCHAR size, time of change and a hash of parts, by which a change is noticed",
            "read_bytes BIGINT bytes read so far, where only what is new is read; NULL for other formats",
            "read_lines BIGINT lines read so far",
            "counts JSON what was counted while it was read, beside rejects: unfinished, retried_errors, ...",
        ),
    ),
    Table(
        "duplicates",
        "an attempt that stands in the inputs again; it counts once",
        _columns(
            "trace_id VARCHAR attempt that counts",
            "source VARCHAR file in which it stands again",
            "line BIGINT line or record in that file, from 1",
            "reason VARCHAR how it was recognised: by its id, or by its content",
        ),
    ),
    Table(
        "pending",
        "an attempt whose contents (messages, steps, tool_calls, attributes) are not read from its trace file yet",
        _columns("trace_id VARCHAR attempt"),
        "trace_id",
    ),
    Table(
        "meta",
        "facts about the store itself",
        _columns(
            "key VARCHAR version, options, fingerprint, counts, summary or tasks_left_together",
            "value VARCHAR text or JSON",
        ),
        "key",
    ),
    Table(
        "artifacts",
        "an image that stood in a text of an attempt, where a placeholder with the beginning of its id stands now",
        _columns(
            "trace_id VARCHAR attempt",
            "id VARCHAR SHA-256 of its bytes",
            "span_id VARCHAR first span in which it stood; NULL when not known",
            "media_type VARCHAR kind, such as image/png",
            "bytes BIGINT size in bytes",
            "data VARCHAR its bytes as base64; NULL where they may hold a secret",
        ),
    ),
)

BY_NAME = {table.name: table for table in TABLES}

# How the id of a task ends, as a regular expression, where one id had different goals.
TOLD_APART = "#goal-[0-9a-f]{4}$"
TASKS_TOLD_APART = (
    f"SELECT count(DISTINCT regexp_replace(task_id, '{TOLD_APART}', '')) FROM attempts"
    f" WHERE regexp_matches(task_id, '{TOLD_APART}')"
)
# Tables whose rows belong to an attempt.
OF_ATTEMPTS = ("attempts", "spans", "messages", "tool_calls", "steps", "scores", "artifacts", "pending")

# Tables in which one attempt is found without looking at all. While an index is there DuckDB does not take up the room
# of deleted rows, so whoever deletes many spans drops them first; every build ends by making those that are missing.
_INDEXED = ("spans", "scores")
INDEX = " ".join(f"CREATE INDEX IF NOT EXISTS {name}_of_trace ON {name} (trace_id);" for name in _INDEXED)
NO_INDEX = " ".join(f"DROP INDEX IF EXISTS {name}_of_trace;" for name in _INDEXED)


def ddl() -> str:
    """The SQL that makes all tables in an empty database."""
    statements = []
    for table in TABLES:
        columns = [
            f'"{c.name}" {c.type}' + (" PRIMARY KEY" if c.name == table.primary_key else "") for c in table.columns
        ]
        statements.append(f"CREATE TABLE {table.name} ({', '.join(columns)});")
    return "\n".join(statements)


def describe() -> list[tuple[str, str, str, str]]:
    """(table, column, type, meaning) in order; the first row of each table has column '' and the table's meaning."""
    lines: list[tuple[str, str, str, str]] = []
    for table in TABLES:
        lines.append((table.name, "", "", table.meaning))
        lines.extend((table.name, column.name, column.type, column.meaning) for column in table.columns)
    return lines
