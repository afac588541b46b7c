"""Behaviours of how an attempt begins: looking around, thinking, and when the first useful thing is done."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import BEFORE, WHOLE, Shape

# Long enough to be a habit, short enough to happen within small step limits.
IDLE_STEPS = 3
EARLY_STEPS = 5
_LOOKING = (
    "tool_word IN ('think', 'wait', 'noop', 'skip', 'scroll')"
    r" OR regexp_matches(coalesce(command, arguments),"
    r" '^\s*\"?(ls|pwd|cd|cat|echo|head|help|man|which|tree)\b[^|;&>]*$')"
)
# A search of everything there is: no name, kind or depth narrows it.
_WIDE = (
    r"CASE WHEN shell THEN regexp_matches(command, '^\s*(ls\s+(\S+\s+)*-\w*R|tree\b|du\s+-a|locate\b|grep\s+-\w*[rR]\w*"
    r"\s+\S+\s+/\s*$)') OR (regexp_matches(command, '^\s*find\s+[~./]\S*')"
    r" AND NOT regexp_matches(command, '-(name|iname|path|type|maxdepth|mtime|mmin|size|perm|user|newer|regex"
    r"|empty|exec|delete)'))"
    r" ELSE regexp_matches(tool_word, '(^|_)(list|get|search|find|read|dump)_(all|everything)')"
    r" OR regexp_matches(left(arguments, 2000), '(?i)select\s+\*\s+from\s+\w+\s*;?\s*(\"|''|$)|\"pattern\"\s*:\s*\""
    r"\*\*/\*\"') END"
)

LONG_IDLE_START = Behaviour(
    name="long_idle_start",
    title="Gets nothing done in its first steps",
    meaning=f"Each of the first {IDLE_STEPS} steps failed, changed nothing, or only looked around"
    " (scroll, wait, think, ls, cat, ...).",
    shape=Shape(
        facts={"idle": f"coalesce(error_type IS NOT NULL OR page_changed = false OR {_LOOKING}, false)"},
        windows={"idle_so_far": "bool_and(idle) OVER w"},
        where=f"step = {IDLE_STEPS - 1} AND idle_so_far",
    ),
    remedies=("few_shot_examples", "state_rules", "compact_observation"),
)

WIDE_LOOK_EARLY = Behaviour(
    name="wide_look_early",
    title="Begins by listing everything",
    meaning=f"Within the first {EARLY_STEPS} steps it asks for all there is (ls -R, find without a condition, tree,"
    " list_all_..., SELECT * without a condition).",
    shape=Shape(facts={"wide": f"coalesce({_WIDE}, false)"}, where=f"acting AND wide AND step < {EARLY_STEPS}"),
    remedies=("few_shot_examples", "state_rules", "compact_observation"),
)

LATE_FIRST_CHANGE = Behaviour(
    name="late_first_change",
    title="Does the first useful thing late",
    meaning=(
        "The first successful change (write, update, click that changed the page, ...) comes after two thirds of the"
        f" attempt, not before step {EARLY_STEPS}. Only attempts that changed something count."
    ),
    shape=Shape(
        facts={"useful": "acting AND error_type IS NULL AND coalesce(page_changed, changing)"},
        windows={
            "useful_before": f"count(*) FILTER (useful) {BEFORE}",
            "steps_in_all": f"count(*) {WHOLE}",
        },
        where=f"useful AND useful_before = 0 AND step >= {EARLY_STEPS} AND 3 * step >= 2 * steps_in_all",
        among="bool_or(useful)",
    ),
    remedies=("few_shot_examples", "state_rules"),
)

THINKS_ON = Behaviour(
    name="thinks_on",
    title="Thinks or waits three times in a row",
    meaning="Three steps in a row that only think, wait or do nothing.",
    shape=Shape(
        facts={"musing": "coalesce(tool_word IN ('think', 'wait', 'noop', 'skip', 'sleep', 'reflect'), false)"},
        windows={"musing1": "lag(musing) OVER w", "musing2": "lag(musing, 2) OVER w"},
        where="musing AND musing1 AND musing2",
        in_runs=("bool_or(musing)",),
    ),
    remedies=("state_rules", "loop_guard"),
)

BEHAVIOURS = (LONG_IDLE_START, WIDE_LOOK_EARLY, LATE_FIRST_CHANGE, THINKS_ON)
