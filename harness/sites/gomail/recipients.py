"""Turns the text of To, Cc or Bcc into addresses. A name that fits two contacts is an error."""

import re

_ADDRESS = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+\.[^\s@<>,;\".]+")
_NAMED = re.compile(r"[^<>]*<\s*([^<>]*?)\s*>")
MOST = 100


def _one(text: str, people: dict[str, str]) -> str:
    """An address, `Name <address>`, or the name or only bearer of a first name among the contacts."""
    named = _NAMED.fullmatch(text)
    candidate = named.group(1) if named else text
    if _ADDRESS.fullmatch(candidate):
        return candidate
    words = text.casefold().split()
    fits = [address for name, address in people.items() if name.casefold().split()[: len(words)] == words]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise ValueError(f"“{text}” fits {len(fits)} contacts. Write the full name or the address.")
    raise ValueError(f"“{text[:80]}” is not an address, and no contact has that name.")


def addresses(text: str, people: dict[str, str]) -> list[str]:
    """The addresses in a field, each once, in order. Raises ValueError with a sentence for the user."""
    parts = [" ".join(p.split()) for p in re.split(r"[,;\n]", text)]
    found = list(dict.fromkeys(_one(p, people) for p in parts if p))
    if len(found) > MOST:
        raise ValueError(f"There can be {MOST} recipients in a field at most.")
    return found
