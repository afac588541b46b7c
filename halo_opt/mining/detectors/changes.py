"""Behaviours of agents that change records or files: what they look at before and after. Verbs in tool names tell."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import SO_FAR, WHOLE, Shape

_HAS_CHANGED = "bool_or(changed)"

NO_VERIFICATION = Behaviour(
    name="no_verification",
    title="Does not look at what it changed",
    meaning=(
        "After the last successful change (update, book, write, rm, ...) no call reads anything back. Only"
        " attempts that changed something count."
    ),
    shape=Shape(
        windows={"last_call": f"max(CASE WHEN acting AND error_type IS NULL THEN step END) {WHOLE}"},
        where="changed AND step = last_call",
        among=_HAS_CHANGED,
    ),
    remedies=("state_rules",),
)

CHANGED_BEFORE_LOOKING = Behaviour(
    name="changed_before_looking",
    title="Changes something before looking at anything",
    meaning="The first call of the attempt already changes something. Only attempts that changed something count.",
    shape=Shape(
        windows={"calls": f"count(*) FILTER (acting AND error_type IS NULL) {SO_FAR}"},
        where="changed AND calls = 1",
        among=_HAS_CHANGED,
    ),
    remedies=("state_rules",),
)

NOTHING_CHANGED = Behaviour(
    name="nothing_changed",
    title="Ends without having changed anything",
    meaning=(
        "No call that changes something (update, book, cancel, write, ...) succeeded. Only runs in which such"
        " calls occur count."
    ),
    # Only where the run has calls that change something can leaving it undone be a behaviour.
    shape=Shape(having=_HAS_CHANGED, value="NOT coalesce(held, false)", in_runs=(_HAS_CHANGED,)),
    remedies=("state_rules",),
)

# Files that can be run or tested; a table or a text that was written needs no such thing.
_CODE = r"\.(py|js|ts|tsx|jsx|java|go|rs|c|h|cc|cpp|rb|php|cs|kt|swift|scala|sh|pl|sql|html|css)\b"
_EDITING = (
    rf"changed AND (CASE WHEN shell THEN regexp_matches(command, '(\bsed\s+-i|\btee\b).*{_CODE}"
    rf"|>{{1,2}}\s*\S+{_CODE}|git apply') ELSE regexp_matches(tool_word, '(^|_)(edit|write|create|insert|str_replace"
    rf"|replace)|patch') AND regexp_matches(left(arguments, 2000), '{_CODE}') END)"
)
_TRYING = (
    r"shell AND regexp_matches(command, '(^|[;&|(]|&&)\s*(\w+=\S+ )*(pytest|python3?|node|npm|npx|yarn|make|tox"
    r"|cargo|mvn"
    r"|gradle|go (test|run|build)|rspec|ruby|phpunit|dotnet|ctest|(ba)?sh\s+\S+\.sh|\./\S+)(\s|$)')"
)

EDITED_NOT_TRIED = Behaviour(
    name="edited_not_tried",
    title="Edits code and does not run it afterwards",
    meaning=(
        "No test or program is run after the last successful edit of a file. Only attempts that edit a file count, of"
        " runs in which programs are run."
    ),
    shape=Shape(
        facts={"editing": f"coalesce({_EDITING}, false)", "trying": f"coalesce({_TRYING}, false)"},
        windows={"last_try": f"max(CASE WHEN trying THEN step END) {WHOLE}"},
        where="editing AND step > coalesce(last_try, -1)",
        among="bool_or(editing)",
        in_runs=("bool_or(trying)",),
    ),
    remedies=("state_rules", "done_check"),
)

BEHAVIOURS = (NO_VERIFICATION, CHANGED_BEFORE_LOOKING, NOTHING_CHANGED, EDITED_NOT_TRIED)
