"""One client in front of a server whose answers a proxy breaks, its ledger, and what was told."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from llm_fake_server import FakeServer, Reply, fake_server, said
from llm_fault_proxy import FaultProxy
from llm_faults import Fault
from pydantic import BaseModel

from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.ledger import Budget, Ledger, Spend
from halo_opt.llm.metered import MeteredModel
from halo_opt.llm.model import Completion, Message
from halo_opt.llm.price_list import Price
from halo_opt.llm.providers import CallSettings, open_model

ASK = [
    Message(role="system", content="You answer."),
    Message(role="user", content="Is three odd?", now="1 minute left"),
]
JSON = '{"verdict": "odd"}'
RESERVED_OUT = 50
USED = Spend(calls=1, tokens_in=12, tokens_out=5, cost_usd=22.0)  # at one dollar in and two out per token


class Verdict(BaseModel):
    verdict: Literal["even", "odd"]


class Line:
    """One client in front of a server with faults, its ledger, and what was told."""

    def __init__(self, provider: str, *, streamed: bool, server: FakeServer, proxy: FaultProxy) -> None:
        self.streamed = streamed
        self.server = server
        self.proxy = proxy
        self.waits: list[float] = []
        self.faults: list[str] = []
        self.pieces: list[str] = []
        self.ledger = Ledger(Budget())
        self.endpoint = Endpoint(
            proxy.url, "sesame", "m", free=False, provider=provider, price=Price(input=1e6, output=2e6)
        )

    def ask(self, schema: type[BaseModel] | None = Verdict, *, timeout_s: float = 30.0, **settings: Any) -> Completion:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        chosen = CallSettings(timeout_s=timeout_s, max_tokens=RESERVED_OUT, **settings)
        with open_model(
            self.endpoint, settings=chosen, rng=random.Random(7), sleep=sleep, on_fault=self.faults.append
        ) as model:
            metered = MeteredModel(model, self.ledger, self.endpoint, max_tokens=RESERVED_OUT, purpose="test")
            return metered.complete(ASK, schema=schema, on_text=self.pieces.append if self.streamed else None)


@contextmanager
def line(provider: str, streamed: bool, *faults: Fault | None, reply: Reply | None = None) -> Iterator[Line]:
    with fake_server(reply or said(JSON)) as server, FaultProxy(server.url, faults) as proxy:
        yield Line(provider, streamed=streamed, server=server, proxy=proxy)


def reserved(spend: Spend) -> bool:
    """Whether one call is counted with its whole reservation, and nothing else."""
    return spend.calls == 1 and spend.tokens_out == RESERVED_OUT and spend.tokens_in > 12
