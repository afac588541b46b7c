"""SQL that takes ids, numbers, quotations, paths and addresses out of a text, so that texts of one kind are
equal.
"""

LONGEST = 300
# Longer texts say what they are in their beginning.
_READ = 2000
# In this order: what holds other kinds (an address holds a path, a path holds digits) goes first.
_PLACEHOLDERS = (
    (r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s''\"<>)\]]+", "<url>"),
    (r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b", "<email>"),
    (r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b", "<uuid>"),
    (r"\"[^\"\n]{1,300}\"|`[^`\n]{1,300}`|\B''[^''\n]{1,300}''\B", "<text>"),
    (r"(^|[\s=(:,\[])(?:[A-Za-z]:)?(?:\.{0,2}[/\\][\w.@%+~-]+)+[/\\]?", r"\1<path>"),
    (r"\b0[xX][0-9a-fA-F]+\b|\b[0-9a-fA-F]*[0-9][0-9a-fA-F]{7,}\b|\b[0-9a-fA-F]{7,}[0-9][0-9a-fA-F]*\b", "<hex>"),
    (r"\d+(?:[-.,:/]\d+)*", "<n>"),
    (r"\s+", " "),
)


def masked_sql(text: str, *, longest: int = LONGEST) -> str:
    """SQL of the template of a text, which is itself SQL."""
    sql = f"left({text}, {_READ})"
    for pattern, instead in _PLACEHOLDERS:
        sql = f"regexp_replace({sql}, '{pattern}', '{instead}', 'g')"
    return f"left(trim({sql}), {longest})"
