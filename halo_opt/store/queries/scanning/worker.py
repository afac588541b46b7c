"""The worker process of a search. Messages: a pattern in, then a task in and what it found out."""

from typing import TYPE_CHECKING

import msgspec

from .searcher import Searcher
from .tasks import Pattern, Task

if TYPE_CHECKING:
    from halo_common.child_main import Channel


def main(channel: "Channel") -> None:
    """Answer tasks until the parent has no more."""
    searcher = Searcher(msgspec.json.decode(channel.read(), type=Pattern))
    decoder = msgspec.json.Decoder(Task)
    while True:
        try:
            task = decoder.decode(channel.read())
        except EOFError:
            return
        channel.write(msgspec.json.encode(searcher.run(task)))
