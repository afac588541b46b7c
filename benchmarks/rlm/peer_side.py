"""The HALO engine asked the questions: what a model that makes no mistake would call, in three ways.

The engine runs for real in its own process; only the model is played.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.rlm.questions import Asked, Question, stands, told
from benchmarks.rlm.wire import Body, Call, Exchange, Said, Wire, results_of, system_of, wire

ROOT = Path(__file__).parents[2]
# What a model that knows nothing of the data runs first: neither the prompt nor the overview names an attribute.
OVERVIEW = Call("get_dataset_overview", {})
LOOK = Call(
    "run_code",
    {
        "code": """import json
seen=set()
for l in open(trace_store.trace_path):
 s=json.loads(l);a=s['attributes'];k=a.get('openinference.span.kind')
 if k not in seen:
  seen.add(k);print(k,s['name'],s['status'],{n:str(v)[:40] for n,v in a.items()})
 if len(seen)>2:break"""
    },
)
NOT_FOUND = "The tools did not give the answer."


TOLD, ALONE, LEAST = "as told", "alone", "at least"


class Peer:
    """Plays the model of one run, in one of three ways.

    `TOLD`: as the engine's prompts ask. The root delegates each question; a sub-agent takes the overview, looks at the
    spans, computes and replies. `ALONE`: the root does these things itself, the first two once. `LEAST`: the root
    computes at once, which only a model could that knew the names of the data by heart.
    """

    def __init__(self, asked: Sequence[Asked], *, way: str) -> None:
        self._asked = asked
        self._way = way
        self.answered = [False] * len(asked)

    def play(self, body: Body) -> Said:
        """The next words of the root or of a sub-agent, by what is in its conversation so far."""
        results = results_of(body)
        if "You are a HALO subagent" in system_of(body):
            return self._sub(_question_of(body), results)
        before = [] if self._way != ALONE else [OVERVIEW, LOOK]
        if len(results) < len(before):
            return Said(calls=(before[len(results)],))
        results = results[len(before) :]
        if len(results) < len(self._asked):
            question = self._asked[len(results)].question
            delegated = Call("call_subagent", {"input": question.words})
            return Said(calls=(delegated if self._way == TOLD else _computed(question),))
        if self._way != TOLD:
            self.answered = [stands(one.rows, result) for one, result in zip(self._asked, results, strict=True)]
        said = [told(a.rows) if right else NOT_FOUND for a, right in zip(self._asked, self.answered, strict=True)]
        return Said(calls=(Call("final_answer", {"answer": "\n\n".join(said)}),))

    def _sub(self, words: str, results: Sequence[str]) -> Said:
        number = next(n for n, a in enumerate(self._asked) if a.question.words == words)
        asked = self._asked[number]
        calls = [OVERVIEW, LOOK, _computed(asked.question)]
        if len(results) < len(calls):
            return Said(calls=(calls[len(results)],))
        self.answered[number] = stands(asked.rows, results[-1])
        return Said(told(asked.rows) if self.answered[number] else NOT_FOUND)


def _computed(question: Question) -> Call:
    return Call("run_code", {"code": question.code})


def _question_of(body: Body) -> str:
    return next(str(item["content"]) for item in body["input"] if item.get("role") == "user")


class Engine:
    """The engine's process over one trace file. `code` says what ran its code, '' before anything was asked."""

    def __init__(self, process: "subprocess.Popen[str]", server: Wire) -> None:
        self._process = process
        self._server = server
        self.code = ""

    def ask(self, asked: Sequence[Asked], *, way: str) -> tuple[list[bool], list[Exchange]]:
        """One run over these questions: whether each was answered, and what was sent."""
        peer = Peer(asked, way=way)
        self._server.play = peer.play
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps("\n".join(one.question.words for one in asked)) + "\n")
        self._process.stdin.flush()
        told = self._process.stdout.readline()
        exchanges = self._server.take()
        if not told or self._server.faults:
            raise SystemExit(f"the HALO engine's run ended: {'; '.join(self._server.faults) or 'see what it printed'}")
        ended: dict[str, str] = json.loads(told)
        self.code = ended["code"]
        return (peer.answered if ended["answer"] else [False] * len(asked)), exchanges


@contextlib.contextmanager
def running(python: Path, traces: Path, index: Path) -> Iterator[Engine]:
    """The engine while the block runs; its index of the traces goes into the folder `index`."""
    with wire(Peer([], way=LEAST).play) as server, tempfile.TemporaryFile("w+") as printed:
        words = [
            str(python),
            "-m",
            "benchmarks.rlm.halo_agent",
            str(traces.absolute()),
            str(index.absolute()),
            server.url,
        ]
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=printed, text=True, cwd=ROOT
        )
        try:
            yield Engine(process, server)
        except SystemExit:
            printed.seek(0)
            sys.stderr.write(printed.read()[-4000:])
            raise
        finally:
            process.communicate()
