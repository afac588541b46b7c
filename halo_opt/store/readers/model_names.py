"""The model's name in the name of a results file or of its folder."""

import re
from pathlib import Path

from halo_opt.store.files.opening import stem

_FAMILIES = (
    "gpt|chatgpt|text-davinci|davinci|code-davinci|codex|o[1-9]|claude|gemini|gemma|palm|text-bison|chat-bison|bison|llama"
    "|codellama|vicuna|alpaca|mistral|mixtral|ministral|codestral|devstral|starchat|starcoder|qwen|qwq|deepseek|falcon|mpt"
    "|wizard(?:lm|coder)|phi|yi|grok|glm|chatglm|kimi|command-r|nova|olmo|granite|nemotron|minimax|internlm|baichuan"
)
# A family's name with what follows it, as far as a separator that no model's name holds.
_MODEL = re.compile(rf"(?i)(?<![a-z0-9])((?:{_FAMILIES})(?![a-z])(?:[-.:@]?[a-z0-9]+(?:\.[a-z0-9]+)*)*)")
# `..._multiturn_<model>_10_turns...`: InterCode and what follows its naming.
_BETWEEN = re.compile(r"(?:^|_)(?:multiturn|react|plan_solve|try_again|single_turn)_(.+?)[_-]\d+_turns(?:_|$)")


def model_of_path(path: Path) -> str | None:
    """The model that produced a results file, as far as names say it.

    Looked for between the mode and the number of turns of the file's name, else as a known model family in the file's
    name, else as the whole name of its folder.
    """
    name = stem(path)
    between = _BETWEEN.search(name)
    if between is not None:
        return between.group(1)
    folder = path.absolute().parent.name
    return model_in(name) or (folder if _MODEL.fullmatch(folder) else None)


def model_in(name: str) -> str | None:
    """The first name of a known model family in a text, with its version; None without one."""
    found = _MODEL.search(name)
    return found.group(1) if found else None
