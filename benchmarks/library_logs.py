"""Logs written by other libraries, for `benchmarks.counts`: an Inspect evaluation, and spans of the OpenTelemetry SDK.

Both need their library (`pip install 'halo-opt[inspect]' opentelemetry-sdk opentelemetry-exporter-otlp-proto-common`).
"""

import json
import random
from pathlib import Path
from typing import Any

from benchmarks.plain_counts import Counts


def inspect_log(folder: Path, log_format: str) -> Counts:
    """Run 12 samples twice with Inspect's mock model, log them, and count what the log says; raises ImportError."""
    import tiktoken
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.log import read_eval_log
    from inspect_ai.model import ModelOutput, get_model
    from inspect_ai.scorer import includes
    from inspect_ai.solver import generate, use_tools
    from inspect_ai.tool import Tool, ToolError, tool

    @tool
    def add() -> Tool:
        async def execute(x: int, y: int) -> int:
            """Add two numbers.

            Args:
                x: The first.
                y: The second.
            """
            if x > 4:
                raise ToolError("x is too large")
            return x + y

        return execute

    # The mock model counts tokens with a table that it would download.
    tiktoken.get_encoding = tiktoken.encoding_for_model = lambda _name: _Words()
    replies: list[ModelOutput] = []
    for number in range(24):
        replies.append(ModelOutput.for_tool_call("mockllm/model", "add", {"x": number % 6, "y": 1}))
        replies.append(ModelOutput.from_content("mockllm/model", "yes" if number % 3 else "no"))
    samples = [Sample(id=f"s{number}", input=f"Add {number}", target="yes") for number in range(12)]
    task = Task(dataset=MemoryDataset(samples), solver=[use_tools(add()), generate()], scorer=includes(), epochs=2)
    model = get_model("mockllm/model", custom_outputs=replies)
    [made] = evaluate(task, model=model, log_dir=str(folder), log_format=log_format, max_samples=1, display="none")
    done = read_eval_log(made.location).samples or []
    replied = [message for sample in done for message in sample.messages if message.role == "assistant"]
    solved = sum(sample.scores["includes"].value == "C" for sample in done)
    calls = sum(len(message.tool_calls or []) for message in replied)
    return Counts(len(done), len({sample.id for sample in done}), solved, len(done) - solved, len(replied), calls)


class _Words:
    """Stands for a tokenizer: a word is a token."""

    def encode(self, text: str, **_options: object) -> list[str]:
        return text.split()

    encode_ordinary = encode


def otel_spans(folder: Path) -> Counts:
    """Write 30 requests to an agent as OTLP JSON of the SDK's own encoder, in rotated files; raises ImportError."""
    from google.protobuf.json_format import MessageToJson
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.trace import Status, StatusCode

    class Rotating(SpanExporter):
        spans = 0

        def export(self, spans: Any) -> SpanExportResult:
            with (folder / f"spans-{self.spans // 40}.jsonl").open("a", encoding="utf-8") as file:
                file.write(MessageToJson(encode_spans(spans), indent=None) + "\n")
            self.spans += 1
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Rotating()))
    start = provider.get_tracer("benchmarks").start_as_current_span
    draw = random.Random(1)
    calls = 0
    for number in range(30):
        facts = {"halo.task_id": f"task-{number % 10}", "halo.outcome": "success" if number % 3 else "failure"}
        with start("POST /run"), start("invoke_agent", attributes={"gen_ai.operation.name": "invoke_agent", **facts}):
            for turn in range(draw.randint(1, 4)):
                calls += 1
                with start("chat", attributes={"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 100}):
                    pass
                names = {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": "search",
                    "gen_ai.tool.call.arguments": json.dumps({"page": turn}),
                }
                with start("execute_tool search", attributes=names) as span:
                    if draw.random() < 0.3:
                        span.set_status(Status(StatusCode.ERROR, "quota exceeded"))
    return Counts(attempts=30, tasks=10, successes=20, failures=10, steps=calls, calls=calls)
