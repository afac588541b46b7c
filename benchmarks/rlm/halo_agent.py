"""The HALO engine's agent, run for real in its own environment against a model at a local address.

Only the standard library and the engine are imported here. The engine is unchanged but for one thing, which the run
reports: where its sandbox is not available (it downloads Pyodide from the internet), its `run_code` tool runs the same
runtime file in a plain Python process with the same output. That is safe only because this benchmark scripts the code.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

VERSION = "0.3.5"
# The engine's own pins, without ripgrep, which only its code tools need, and its command line's packages.
PINS = ("openai-agents==0.14.7", "openai==2.32.0", "pydantic==2.13.3", "numpy==2.2.6", "pandas==2.2.3")
TELEMETRY = "inference-catalyst-tracing[openai-agents]==0.1.10"
# One tokenizer for both sides, whose tables come inside the package.
TOKENIZER = "bpe-openai==0.1.4"
SECONDS = 60.0
_CELL = """
import json, sys
given = json.load(sys.stdin)
sys.path.insert(0, given["folder"])
import pyodide_runtime
done = pyodide_runtime.halo_bootstrap(given["sources"])
if done["exit_code"] == 0:
    done = pyodide_runtime.halo_execute(given["code"])
json.dump(done, sys.stdout)
"""


def installed(folder: Path) -> Path | None:
    """The Python of the agent's environment, made when missing; None when it cannot be installed."""
    python = folder / "bin" / "python"
    stamp = folder / f"halo-agent-{VERSION}"
    if stamp.is_file():
        return python
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for packages in ([*PINS, TELEMETRY], ["--no-deps", f"halo-engine=={VERSION}", "deno==2.7.14", TOKENIZER]):
        if subprocess.run([*pip, *packages], check=False, stdout=sys.stderr).returncode != 0:
            return None
    stamp.touch()
    return python


class PlainPython:
    """Stands in for the engine's sandbox: the same runtime file, the same limits of output, no confinement."""

    async def run_python(self, *, code: str, sources: Sequence[Any]) -> Any:
        """The outcome of a cell, as the sandbox gives it."""
        from engine.sandbox import sandbox
        from engine.sandbox.models import CodeExecutionResult

        given = {
            "folder": str(Path(sandbox.__file__).parent),
            "sources": json.dumps([source.model_dump(mode="json") for source in sources]),
            "code": code,
        }
        try:
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", _CELL],
                input=json.dumps(given),
                capture_output=True,
                text=True,
                check=True,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            return CodeExecutionResult(exit_code=-1, stdout="", stderr="", timed_out=True)
        told = json.loads(done.stdout)
        cut = {name: sandbox._truncate_to_bytes(told[name], 64_000) for name in ("stdout", "stderr")}
        return CodeExecutionResult(exit_code=told["exit_code"], timed_out=False, **cut)


def _configured(base_url: str, index: Path) -> Any:
    """The engine as its own command line configures it (turns, depth, parallel agents)."""
    from engine.agents.agent_config import AgentConfig
    from engine.engine_config import EngineConfig
    from engine.model_config import ModelConfig
    from engine.model_provider_config import ModelProviderConfig
    from engine.traces.models.trace_index_config import TraceIndexConfig

    model = ModelConfig(name="played")
    return EngineConfig(
        root_agent=AgentConfig(name="root", model=model, maximum_turns=20),
        subagent=AgentConfig(name="sub", model=model, maximum_turns=20),
        synthesis_model=model,
        compaction_model=model,
        model_provider=ModelProviderConfig(base_url=base_url, api_key="none"),
        trace_index=TraceIndexConfig(index_dir=index),
        maximum_depth=2,
        maximum_parallel_subagents=10,
    )


def main() -> None:
    """Answer each prompt of standard input, a JSON text a line, with a line `{code, answer}`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("traces", type=Path)
    parser.add_argument("index", type=Path)
    parser.add_argument("url")
    asked = parser.parse_args()
    from engine import main as engine
    from engine.models import messages
    from engine.sandbox.sandbox import Sandbox

    code = "the engine's own sandbox"
    if Sandbox.get() is None:
        Sandbox._cached = PlainPython()  # type: ignore[assignment]
        code = "plain Python in place of the engine's sandbox, which could not be had here"
    config = _configured(asked.url, asked.index)
    for line in sys.stdin:
        said = [messages.AgentMessage(role="user", content=json.loads(line))]
        final = [str(item.item.content) for item in engine.run_engine(said, config, asked.traces) if item.final]
        print(json.dumps({"code": code, "answer": final[-1] if final else ""}), flush=True)


if __name__ == "__main__":
    main()
