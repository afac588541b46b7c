"""Does temperature make the agent try other things? Compares what two attempts at one task did. Pure."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

NOTHING = "(ended)"


class Difference(BaseModel):
    """One task at two temperatures. `step` and the two actions are where the sequences part; None where they do not.

    `why_not` says why the two cannot be compared; `differs` is None then.
    """

    model_config = ConfigDict(frozen=True)

    task_id: str
    differs: bool | None
    step: int | None = None
    first: str | None = None
    second: str | None = None
    why_not: str | None = None


def compare(task_id: str, first: Sequence[str], second: Sequence[str]) -> Difference:
    """Where two action sequences part. The one that ends earlier did nothing at that step."""
    for step in range(max(len(first), len(second))):
        a = first[step] if step < len(first) else NOTHING
        b = second[step] if step < len(second) else NOTHING
        if a != b:
            return Difference(task_id=task_id, differs=True, step=step, first=a, second=b)
    return Difference(task_id=task_id, differs=False)


def compare_all(
    ids: Sequence[str], first: Mapping[str, Sequence[str] | str], second: Mapping[str, Sequence[str] | str]
) -> list[Difference]:
    """Each task's two sequences; a text in the place of a sequence says why there is none."""
    out = []
    for one in ids:
        a, b = first.get(one, "not run"), second.get(one, "not run")
        if isinstance(a, str) or isinstance(b, str):
            why = a if isinstance(a, str) else str(b)
            out.append(Difference(task_id=one, differs=None, why_not=why))
        else:
            out.append(compare(one, a, b))
    return out
