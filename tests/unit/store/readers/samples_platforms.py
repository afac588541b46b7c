"""One way to write each sample of platform exports, agents' sessions and evaluation logs."""

from collections.abc import Callable
from pathlib import Path

from samples_chat_exports import langfuse, langfuse_traces, langsmith
from samples_inspect import inspect_archive, inspect_json
from samples_sessions import (
    claude_code,
    claude_json,
    claude_stream,
    claude_verbose_json,
    codex,
    codex_exec,
    codex_exec_old,
)
from samples_span_exports import mlflow, phoenix, phoenix_dataframe

# The name of a format, with a word after it where the format has several shapes.
SAMPLES: dict[str, Callable[[Path], Path]] = {
    "claude-code": claude_code,
    "claude-code stream": claude_stream,
    "claude-code json": claude_json,
    "claude-code verbose json": claude_verbose_json,
    "codex": codex,
    "codex-exec": codex_exec,
    "codex-exec old": codex_exec_old,
    "langfuse": langfuse,
    "langfuse traces": langfuse_traces,
    "langsmith": langsmith,
    "phoenix": phoenix,
    "phoenix dataframe": phoenix_dataframe,
    "mlflow": mlflow,
    "inspect": inspect_json,
    "inspect archive": inspect_archive,
}
