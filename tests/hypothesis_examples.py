"""How many examples a costly property test draws: few every day, more where they are drawn anew."""

import os

from hypothesis import settings

FRESH = os.environ.get("HYPOTHESIS_PROFILE") == "fresh"


def examples(everyday: int, fresh: int) -> settings:
    """Settings for a test whose examples take long: `make test-all` draws `fresh` of them, `make test` `everyday`."""
    return settings(max_examples=fresh if FRESH else everyday)
