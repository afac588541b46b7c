"""The worker process of a search: answers tasks on its stdin. Ends with its input; whoever started it ends it."""

import signal
import sys

import msgspec

from .searcher import Searcher
from .tasks import Pattern, Task


def main() -> None:
    """A pattern on the first line of stdin, then a task a line; a line of answer for each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process ends it
    searcher = Searcher(msgspec.json.decode(sys.stdin.buffer.readline(), type=Pattern))
    decoder = msgspec.json.Decoder(Task)
    for line in sys.stdin.buffer:
        answer = searcher.run(decoder.decode(line))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()
