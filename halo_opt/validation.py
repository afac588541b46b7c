"""What is wrong with data that does not fit a record, in words. Never adds the data itself: it may be a secret."""

from pydantic import ValidationError


def first_problem(error: ValidationError, whole: str = "") -> str:
    """The first thing that is wrong, after its place; `whole` names the place where that is all of the data."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or whole
    return f"{place}: {first['msg']}" if place else first["msg"]
