"""Messages about data that does not fit a record. They leave out the data itself, which may be a secret."""

from pydantic import ValidationError

_MOST_NAMED = 5


def first_problem(error: ValidationError, whole: str = "") -> str:
    """The first thing that is wrong, after its place; `whole` names the place where that is all of the data."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or whole
    return f"{place}: {first['msg']}" if place else first["msg"]


def foreign_words(error: ValidationError, name: str) -> str:
    """What was given to `name` that it does not have, in words; '' where that is not what is wrong."""
    errors = error.errors(include_url=False, include_input=False)
    foreign = [str(one["loc"][0]) for one in errors if one["type"] == "extra_forbidden" and len(one["loc"]) == 1]
    return f"{name} takes no {', '.join(foreign[:_MOST_NAMED])}" if foreign else ""
