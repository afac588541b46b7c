"""Whether SQL that shall name a behaviour looks at how attempts were judged. Reads text only, and runs nothing.

A behaviour that is defined by failing explains every failure and teaches nothing.
"""

import re

_JUDGES = re.compile(r"\b(outcome|score|scores)\b", re.IGNORECASE)
# To leave attempts out that were not measured is no judgement.
_ERRORS_OUT = re.compile(r"(\w+\.)?outcome\s+IS\s+DISTINCT\s+FROM\s+''", re.IGNORECASE)


def judged_by(bare: str) -> str | None:
    """The word (outcome, score or scores) by which SQL looks at the verdict; None where it does not.

    `bare` is the SQL with every string literal empty (`''`).
    """
    found = _JUDGES.search(_ERRORS_OUT.sub("", bare))
    return found.group().lower() if found else None
