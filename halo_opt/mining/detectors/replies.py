"""Behaviours of the form of what the model says: format, language, length. Never judges what it means."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import Shape

# More than anybody asks for in one go, and long enough to lose a model's thread.
LONG_LIST = 15

OUTPUT_FORMAT = Behaviour(
    name="output_format",
    title="Does not answer in the asked format",
    meaning="No action could be read from the reply.",
    shape=Shape(where="error_type = 'format'"),
    remedies=("few_shot_examples", "retry_invalid", "lower_temperature"),
)

WRAPPED_ACTION = Behaviour(
    name="wrapped_action",
    title="Puts words or a fence around the action",
    meaning=(
        "No action could be read from the reply, and it holds one: a JSON object with prose around it, or a code fence."
    ),
    shape=Shape(
        facts={
            "unread": "CASE WHEN error_type IN ('format', 'invalid_action') AND (tool IS NULL OR NOT shell)"
            " THEN left(coalesce(reply, arguments), 4000) END",
            "wrapped": r"coalesce(regexp_matches(unread, '```') OR regexp_matches(unread,"
            r" '(?s)^\s*[^\s{\[`].*\{.*:.*\}')"
            r" OR regexp_matches(unread, '(?s)^\s*\{.*\}\s*[^\s}`]'), false)",
        },
        where="wrapped",
    ),
    remedies=("few_shot_examples", "constrain_targets", "retry_invalid"),
)

FENCED = Behaviour(
    name="fenced_command",
    title="Wraps the command in a code fence",
    meaning="The arguments of a call begin with ``` as if they were prose; the fence is passed on to the tool.",
    shape=Shape(
        facts={"fenced": "coalesce(starts_with(ltrim(coalesce(command, arguments)), '```'), false)"},
        where="tool IS NOT NULL AND NOT responding AND fenced",
    ),
    remedies=("few_shot_examples", "state_rules"),
)

_CODE = (
    r"^\s*(import \w+(\s*$|\s*[;,\n]|\s+as\s)|from [\w.]+ import |def \w+\(|class \w+|print\("
    r"|select\s+[\w*,\s]+\sfrom\s"
    r"|insert into |create table |const \w+\s*=|let \w+\s*=|var \w+\s*=|#include\s*[<\"]|<\?php|public (static|class)"
    r"|while True:|for \w+ in .*:\s*$)"
)

CODE_IN_SHELL = Behaviour(
    name="code_in_shell",
    title="Types another language into the shell",
    meaning="A command for the shell begins like Python, SQL, JavaScript, C or PHP.",
    shape=Shape(
        facts={"foreign_code": f"coalesce(regexp_matches(left(command, 2000), '(?i){_CODE}'), false)"},
        where="foreign_code",
    ),
    remedies=("few_shot_examples", "state_rules"),
)

_PROSE = (
    r"^\s*(The|This|That|It|I|We|You|Here|Let|First|Now|Sorry|Since|Please|To|In|Based|After|As|If|Unfortunately|Yes|No"
    r"|There)(''\w+)?,? \w+[,'']? \w+"
)

PROSE_IN_SHELL = Behaviour(
    name="prose_in_shell",
    title="Types prose into the shell",
    meaning="A command for the shell begins like an English sentence.",
    shape=Shape(facts={"prose": f"coalesce(regexp_matches(command, '{_PROSE}'), false)"}, where="prose"),
    remedies=("few_shot_examples", "state_rules"),
)

_SCRIPTS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Cyrillic}\p{Arabic}\p{Hebrew}\p{Greek}\p{Thai}\p{Devanagari}]"

OTHER_SCRIPT = Behaviour(
    name="other_script",
    title="Answers in a script that nobody used",
    meaning=(
        "Words of the agent hold a run of letters of a script (Chinese, Cyrillic, Arabic, ...) that is not in the goal."
        " Only attempts whose goal is known and in Latin letters count."
    ),
    shape=Shape(
        facts={"strange": f"coalesce(regexp_matches(left(coalesce(said, reply), 4000), '{_SCRIPTS}{{4,}}'), false)"},
        where="strange",
        applies=f"a.goal IS NOT NULL AND NOT regexp_matches(a.goal, '{_SCRIPTS}')",
    ),
    remedies=("state_rules", "lower_temperature"),
)

LONG_ENUMERATION = Behaviour(
    name="long_enumeration",
    title="Recites a very long list",
    meaning=f"A reply or final answer holds more than {LONG_LIST} lines that are list items.",
    shape=Shape(
        facts={
            "items": r"len(regexp_extract_all(coalesce(said, left(reply, 4000)), '(?m)^\s*(?:[-*•]|\d{1,3}[.)])\s'))"
        },
        where=f"items > {LONG_LIST}",
        in_runs=("count(items) > 0",),
    ),
    remedies=("state_rules", "compact_observation"),
)

_CUT = r"'(?i)(finish|stop)_reasons?[^,}]{0,20}(length|max_?tokens|max_output_tokens)'"

TRUNCATED_REPLY = Behaviour(
    name="truncated_reply",
    title="Is cut off in the middle of a reply",
    meaning=(
        "A model call ended because it had used up its tokens (finish reason length or max_tokens, or an error"
        " that says"
        " so). Only runs whose traces tell why replies ended count."
    ),
    sql=(
        "WITH told AS (SELECT trace_id, span_id, parent_span_id,"
        f" regexp_matches(attributes::VARCHAR, {_CUT}) AS cut FROM spans WHERE kind = 'LLM'"
        " AND regexp_matches(attributes::VARCHAR, '(finish|stop)_reason')),\n"
        "spoken AS (SELECT trace_id, step, span_id, coalesce(regexp_matches(left(error, 500),"
        " '(?i)max_tokens|maximum output|output (token )?limit|truncated (reply|response|output)'), false) AS cut"
        " FROM steps),\n"
        "places AS (SELECT s.trace_id, s.step FROM spoken AS s JOIN told AS t ON t.trace_id = s.trace_id"
        " AND (t.span_id = s.span_id OR t.parent_span_id = s.span_id) WHERE t.cut"
        " UNION ALL SELECT trace_id, step FROM spoken WHERE cut),\n"
        "runs_told AS (SELECT DISTINCT run_id FROM attempts WHERE trace_id IN (SELECT trace_id FROM told)"
        " OR trace_id IN (SELECT trace_id FROM spoken WHERE cut)),\n"
        "seen AS (SELECT trace_id, min(step) AS step FROM places GROUP BY trace_id)\n"
        "SELECT a.trace_id, s.step IS NOT NULL AS value, s.step AS step FROM attempts AS a LEFT JOIN seen AS s"
        " USING (trace_id) WHERE a.outcome IS DISTINCT FROM 'error' AND a.run_id IN (SELECT run_id FROM runs_told)"
    ),
    remedies=("compact_observation", "state_rules"),
)

CUT_OFF_ARGUMENTS = Behaviour(
    name="cut_off_arguments",
    title="Sends arguments that break off",
    meaning="A call's arguments begin as JSON and end without its closing bracket.",
    shape=Shape(
        facts={
            "cut_off": (
                "coalesce(acting AND left(ltrim(arguments), 2) IN ('{\"', '[{')"
                " AND right(rtrim(arguments), 1) NOT IN ('}', ']'), false)"
            )
        },
        where="cut_off",
    ),
    remedies=("retry_invalid", "compact_observation"),
)

BEHAVIOURS = (
    OUTPUT_FORMAT,
    WRAPPED_ACTION,
    FENCED,
    CODE_IN_SHELL,
    PROSE_IN_SHELL,
    OTHER_SCRIPT,
    LONG_ENUMERATION,
    TRUNCATED_REPLY,
    CUT_OFF_ARGUMENTS,
)
