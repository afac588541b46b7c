"""How many tokens a text has: one tokenizer for both engines, run in the peer's environment. Counts, and nothing else.

`python counting.py` reads a JSON list of texts and prints the list of their counts.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ENCODING = "o200k_base"


class Counter:
    """Counts texts, each once."""

    def __init__(self, python: Path | None) -> None:
        self._python = python
        self._known: dict[str, int] = {}
        self.how = f"{ENCODING} tokens" if python is not None else "bytes / 4"

    def learn(self, texts: Iterable[str]) -> None:
        """Count what is not known yet, all in one go."""
        new = sorted({text for text in texts if text not in self._known})
        if new:
            self._known |= dict(zip(new, self._counts(new), strict=True))

    def __call__(self, text: str) -> int:
        self.learn([text])
        return self._known[text]

    def _counts(self, texts: Sequence[str]) -> list[int]:
        if self._python is None:
            return [-(-len(text.encode()) // 4) for text in texts]
        words = [str(self._python), __file__]
        done = subprocess.run(words, input=json.dumps(texts), capture_output=True, text=True, check=True)
        found: list[int] = json.loads(done.stdout)
        return found


def main() -> None:
    """Count the texts of standard input."""
    import bpe_openai

    encoding = bpe_openai.get_encoding(ENCODING)
    print(json.dumps([len(encoding.encode(text)) for text in json.load(sys.stdin)]))


if __name__ == "__main__":
    main()
