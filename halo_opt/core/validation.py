"""Messages about data that does not fit a record. They leave out the data itself, which may be a secret."""

from pydantic import ValidationError

from halo_opt.core.records import AttemptResult

_MOST_NAMED = 5
_LONGEST_VALUE = 30


def first_problem(error: ValidationError, whole: str = "") -> str:
    """The first thing that is wrong, after its place; `whole` names the place where that is all of the data."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or whole
    return f"{place}: {first['msg']}" if place else first["msg"]


def result_problem(error: ValidationError) -> str:
    """Why a line of results.jsonl cannot be used, with the right form: `score must be a number from 0 to 1, or null`.

    A value that is no text is named; a text may be a secret.
    """
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    if field not in AttemptResult.model_fields:
        return first_problem(error, "the line")
    form = AttemptResult.model_fields[field].description
    if first["type"] == "missing":
        return f"{field} is missing; it must be {form}"
    value = first["input"]
    shown = "null" if value is None else str(value).replace("nan", "NaN")
    named = value is None or (isinstance(value, int | float) and len(shown) <= _LONGEST_VALUE)
    return f"{field} must be {form}" + (f", and is {shown}" if named else "")


def foreign_words(error: ValidationError, name: str) -> str:
    """What was given to `name` that it does not have, in words; '' where that is not what is wrong."""
    errors = error.errors(include_url=False, include_input=False)
    foreign = [str(one["loc"][0]) for one in errors if one["type"] == "extra_forbidden" and len(one["loc"]) == 1]
    return f"{name} takes no {', '.join(foreign[:_MOST_NAMED])}" if foreign else ""
