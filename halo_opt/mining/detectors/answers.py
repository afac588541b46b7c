"""Behaviours of answers held against what was asked: parts, counts, values. Reads the goal as words, solves nothing."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import WHOLE, Shape

EMPTY_ANSWER = Behaviour(
    name="empty_answer",
    title="Ends without giving an answer",
    meaning=("The call that ends the attempt carries no answer, in a run where others carry one."),
    shape=Shape(
        facts={
            "answerless": (
                r"finishing AND (arguments IS NULL OR regexp_matches(arguments, '^\s*(\{\s*\}"
                r"|\{\s*\"\w+\"\s*:\s*(\"\s*\"|null)"
                r"\s*\}|\"\"|null|none)?\s*$'))"
            )
        },
        windows={"last_end": f"max(CASE WHEN finishing THEN step END) {WHOLE}"},
        where="answerless AND step = last_end",
        among="bool_or(finishing)",
        in_runs=("bool_or(finishing AND NOT answerless)",),
    ),
    remedies=("done_check", "state_rules"),
)

_NUMBERS = "two|three|four|five|six|seven|eight|nine|ten|[2-9]|1[0-9]|20"
_ASKED = (
    r"(?i)\b(?:top|list|name|give|find|show|tell|return)\s+(?:me\s+)?(?:the\s+)?(?:first\s+|top\s+|last\s+)?"
    rf"({_NUMBERS})\s+\w+s\b"
)
_WORDS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_WHENS = " ".join(f"WHEN '{word}' THEN {number}" for number, word in enumerate(_WORDS, start=2))
_AS_NUMBER = f"CASE lower(word) {_WHENS} ELSE try_cast(word AS INTEGER) END"

FEWER_THAN_ASKED = Behaviour(
    name="fewer_items_than_asked",
    title="Gives fewer items than were asked for",
    meaning=(
        "The goal asks for a number of things (top 5, list three ...) and the last answer holds fewer, however they are"
        " set apart. Only attempts with such a goal and an answer count."
    ),
    shape=Shape(
        before=(
            f"asked AS (SELECT trace_id, {_AS_NUMBER} AS items FROM (SELECT trace_id, regexp_extract(left(goal, 2000),"
            f" '{_ASKED}', 1) AS word FROM attempts) WHERE word <> '')"
        ),
        facts={
            "parts": (
                r"CASE WHEN said IS NOT NULL THEN greatest(len(regexp_extract_all(said, '[,;]')),"
                r" len(regexp_extract_all(trim(said), '\n'))) + 1 END"
            )
        },
        windows={"last_said": f"max(CASE WHEN saying THEN step END) {WHOLE}"},
        having="max(parts) FILTER (WHERE step = last_said)",
        value="held < (SELECT items FROM asked WHERE asked.trace_id = a.trace_id)",
        among="bool_or(saying)",
        applies="a.trace_id IN (SELECT trace_id FROM asked)",
    ),
    remedies=("done_check", "state_rules"),
)

# What a goal gives to be used as it stands: quoted text and addresses. Names and numbers may be said in other ways.
_GIVEN = r"\"([^\"\n]{2,60})\"|“([^”\n]{2,60})”"

GIVEN_VALUE_UNUSED = Behaviour(
    name="given_value_unused",
    title="Never uses a value that the goal gives",
    meaning=(
        "A text that the goal puts in double quotes, or an e-mail address in it, stands in none of the agent's"
        " calls and"
        " replies. Only attempts with such a goal count."
    ),
    sql=(
        "WITH given AS (SELECT DISTINCT trace_id, lower(trim(word)) AS word FROM (\n"
        f"SELECT trace_id, unnest(regexp_extract_all(left(goal, 4000), '{_GIVEN}', 1)"
        f" || regexp_extract_all(left(goal, 4000), '{_GIVEN}', 2)"
        r" || regexp_extract_all(left(goal, 4000), '[\w.+-]+@[\w-]+\.[\w.]*\w')) AS word FROM attempts"
        " WHERE outcome IS DISTINCT FROM 'error') WHERE trim(word) <> ''),\n"
        "used AS (SELECT g.trace_id, g.word, bool_or(contains(lower(concat_ws(' ', s.arguments, s.target, s.reply)),"
        " g.word)) AS used FROM given AS g JOIN steps AS s USING (trace_id) GROUP BY g.trace_id, g.word)\n"
        "SELECT trace_id, NOT bool_and(used) AS value, NULL::INTEGER AS step FROM used GROUP BY trace_id"
    ),
    remedies=("state_rules", "done_check"),
)

_NAMED = r'"[a-z_]*(?:id|ids|number|code|reference|sku)"\s*:\s*\[?\s*"([^"\s]{4,40})"'

INVENTED_VALUE = Behaviour(
    name="invented_value",
    title="Uses an id that it has never seen",
    meaning=(
        "A call names something by an id, number or code that stands neither in the goal nor in anything that the agent"
        " had been told or shown up to then."
    ),
    needs=("steps.result",),
    sql=(
        "WITH named AS (SELECT trace_id, word, min(step) AS step FROM (SELECT trace_id, step,"
        f" unnest(regexp_extract_all(left(arguments, 4000), '{_NAMED}', 1)) AS word FROM steps"
        " WHERE left(ltrim(arguments), 1) = '{' AND lower(tool) NOT IN ('respond', 'think'))"
        " GROUP BY trace_id, word),\n"
        "shown AS (SELECT n.trace_id, n.word FROM named AS n JOIN steps AS s ON s.trace_id = n.trace_id"
        " AND s.step <= n.step WHERE contains(lower(s.observation), lower(n.word))"
        " OR (s.step < n.step AND contains(lower(s.result), lower(n.word)))\n"
        "  UNION SELECT n.trace_id, n.word FROM named AS n JOIN messages AS m ON m.trace_id = n.trace_id"
        " AND m.role IN ('system', 'user', 'developer') WHERE contains(lower(m.content), lower(n.word))),\n"
        "unseen AS (SELECT n.trace_id, min(n.step) AS step FROM named AS n JOIN attempts AS t USING (trace_id)"
        " ANTI JOIN shown AS s ON s.trace_id = n.trace_id AND s.word = n.word"
        " WHERE NOT contains(lower(coalesce(t.goal, '')), lower(n.word)) GROUP BY n.trace_id)\n"
        "SELECT a.trace_id, u.step IS NOT NULL AS value, u.step AS step FROM attempts AS a LEFT JOIN unseen AS u"
        " USING (trace_id) WHERE a.outcome IS DISTINCT FROM 'error' AND a.trace_id IN (SELECT trace_id FROM steps"
        " WHERE result IS NOT NULL)"
    ),
    remedies=("state_rules", "constrain_targets", "show_history"),
)

BEHAVIOURS = (EMPTY_ANSWER, FEWER_THAN_ASKED, GIVEN_VALUE_UNUSED, INVENTED_VALUE)
