"""Compares the actions of two attempts at one task, for verify-exploration."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

NOTHING = "(ended)"


class Difference(BaseModel):
    """One task at two temperatures.

    `step` is where the action sequences first differ, `first` and `second` are the actions there; None where they are
    the same. Where the two cannot be compared, `why_not` says why and `differs` is None.
    """

    model_config = ConfigDict(frozen=True)

    task_id: str
    differs: bool | None
    step: int | None = None
    first: str | None = None
    second: str | None = None
    why_not: str | None = None


def compare(task_id: str, first: Sequence[str], second: Sequence[str]) -> Difference:
    """Where two action sequences first differ. A sequence that has ended has `(ended)` at that step."""
    for step in range(max(len(first), len(second))):
        a = first[step] if step < len(first) else NOTHING
        b = second[step] if step < len(second) else NOTHING
        if a != b:
            return Difference(task_id=task_id, differs=True, step=step, first=a, second=b)
    return Difference(task_id=task_id, differs=False)


def compare_all(
    ids: Sequence[str], first: Mapping[str, Sequence[str] | str], second: Mapping[str, Sequence[str] | str]
) -> list[Difference]:
    """Compare each task's two sequences. A text in place of a sequence says why there is none."""
    out = []
    for one in ids:
        a, b = first.get(one, "not run"), second.get(one, "not run")
        if isinstance(a, str) or isinstance(b, str):
            why = a if isinstance(a, str) else str(b)
            out.append(Difference(task_id=one, differs=None, why_not=why))
        else:
            out.append(compare(one, a, b))
    return out
