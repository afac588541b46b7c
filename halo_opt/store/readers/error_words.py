"""The words by which errors are known: what harnesses say of replies they cannot use, and how errors of tools begin.

A pattern counts only at the beginning of a text. Each is a list of alternatives, so that a new one is a new line.
"""

import re
from collections.abc import Sequence
from functools import cached_property


class Beginning:
    """A pattern of alternatives that stand at the beginning of a text, after `before`.

    It is compiled when it is first used: an index without contents needs none.
    """

    def __init__(self, before: str, *alternatives: str, flags: re.RegexFlag = re.IGNORECASE) -> None:
        self._regex = f"{before}(?:{'|'.join(alternatives)})"
        self._flags = flags

    def match(self, text: str, position: int = 0) -> re.Match[str] | None:
        """The match that begins at a position of the text."""
        return self._pattern.match(text, position)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self._regex, self._flags)


_NAME = r"['\"`]?[\w.-]{1,80}['\"`]?"
_REPLY = r"(?:output|response|reply|action|message|answer)"
_RAISED = r"(?:error:? |toolnotfound\w*: |error (?:calling|executing)(?: tool)? [\w.-]+: |mcp error -?\d+: )*"

# What a harness says of a reply that it cannot use.
UNREADABLE = Beginning(
    r"(?:error(?: executing query)?:\s*)?",
    r"no \w+ code was found",
    r"your last .{0,40}did not contain",
    rf"(?:previous|your|last)[\w ]{{0,20}} {_REPLY} had parsing (?:errors|issues)",
    rf"could not parse (?:the )?(?:llm|your|model|agent)[\w ]{{0,20}}{_REPLY}",
    r"invalid format: missing",
    r"invalid or incomplete response",
    r"invalid (?:action|response|output|reply|tool call|function call) format",
    r"(?:i|we) (?:could ?n.t|could not|cannot|can.t) (?:parse|understand|find an? \w+ in) your",
    rf"your (?:last |previous )?{_REPLY}[\w ,]{{0,40}}(?:(?:was|is|were) not (?:formatted|in the|valid|a valid|properly"
    r"|pars)|could not be parsed|(?:did|does) not (?:use|contain|include|match|follow|have)"
    r"|(?:has|had|was missing|is missing|contains|contained) (?:no|an? (?:invalid|malformed)))",
    r"(?:please )?(?:always )?(?:provide|give|include|write) (?:exactly|only) (?:one|1|a single) (?:\w+ )?"
    r"(?:action|command|code block|tool|function|json)",
    r"no (?:valid )?(?:json|action|tool ?call|function call|code block|command)s? (?:was |were |could be )?"
    r"(?:found|detected|provided|given)",
    r"format error",
    rf"{_REPLY} (?:parsing|parser|format(?:ting)?) error",
    r"outputparserexception",
    r"parse ?error: ",
    r"functioncallformaterror",
    r"formaterror",
    rf"invalid json(?: in| from)?[\w ]{{0,20}}(?:{_REPLY}|your)",
    rf"failed to parse (?:the )?(?:llm|model|agent|your|{_REPLY})",
    rf"malformed (?:function call|tool call|{_REPLY})",
    r"error in (?:code )?parsing",
    r"your code snippet is invalid",
    rf"(?:the )?model {_REPLY} (?:is|was) not",
    r"you (?:must|need to|should|have to) (?:respond|reply|answer|use|call|provide) (?:with|in|exactly|only|one)\b"
    r".{0,200}(?:format|json|tool|function|code block|action)",
)

# InterCode's word for a command that it could not take apart.
_MALFORMED = Beginning(r"(?:error executing query: )?", r"malformed command")

BLOCKED = Beginning(
    r"(?:error: )?",
    r"the user doesn't want to ",
    r"permission to use .{1,60} (?:has been )?denied",
    r"(?:exec command|patch|tool call|command) rejected",
    r"aborted by (?:the )?user",
    r"\[?request interrupted by (?:the )?user",
    r"(?:the )?user (?:rejected|denied|declined|refused|cancelled|canceled)\b",
    r"(?:interactive )?operation ['`\"].{1,60}['`\"] is not (?:allowed|supported)",
    r"(?:command )?failed in sandbox",
    r"(?:this|the) (?:command|action|tool|operation)[^.\n]{0,80} (?:is|was|has been) (?:blocked|not allowed"
    r"|not permitted|forbidden|disallowed|rejected|denied)",
    r"blocked by ",
    r"request was denied by",
)

UNKNOWN_ACTION = Beginning(
    _RAISED,
    r"unknown (?:tool|function|action|command name)",
    r"no such (?:tool|function|action)",
    r"unsupported (?:custom tool )?call",
    rf"(?:tool|function|action) {_NAME} (?:is |was )?(?:not (?:found|available|exist|defined|supported|registered)"
    r"|does not exist|doesn't exist)",
    rf"{_NAME} is not a (?:valid|known|recognized|supported) (?:tool|function|action|command)",
    r"invalid (?:tool|function|action)(?: name)?[: ](?!param|arg|input|call)",
    r"no tool (?:named|called|with)",
    r"model tried to call unavailable tool",
)

INVALID_ARGUMENTS = Beginning(
    rf"{_RAISED}(?:\w+\.)*(?:typeerror: |valueerror: )?",
    r"input ?validation ?error",
    r"(?:pydantic[\w.]*)?validation ?error",
    r"\d+ validation errors? for",
    r"failed to parse (?:function |tool |the )?(?:arguments|input)",
    r"invalid (?:function |tool |input |json )*(?:param\w*|argument\w*|args)\b",
    r"invalid json",
    r"missing (?:\d+ )?(?:required )?(?:positional |keyword-only )?(?:argument|parameter|param|field|propert)",
    r"[\w.]+(?:\(\))? (?:got an unexpected keyword|missing \d+ required|takes \d+ positional|takes from \d)",
    rf"(?:parameter|argument|field) {_NAME} is required",
    rf"{_NAME} is a required (?:property|parameter|argument)",
    r"(?:received )?tool input did not match",
    r"invalid (?:params|input for)",
)

UNKNOWN_TARGET = Beginning(
    r"(?:error:? |[\w.]*error: |failed to \w+(?: \w+)?: |message: )?",
    r"could(?: not|n.t) find (?:the |any )?(?:element|node)",
    r"element (?:with )?[^\n]{0,80}(?:not found|does not exist|doesn't exist)",
    r"(?:there is )?no (?:such )?(?:element|node)",
    r"no node found",
    r"ref(?:erence)? ?['\"`]?\w+['\"`]? not found",
    r"unable to (?:find|locate) (?:an |the )?element",
    r"selector .{1,80} (?:not found|did not match)",
    r"stale ?element",
    r"nosuchelement",
)

NOT_APPLICABLE = Beginning(
    r"(?:error:? |[\w.]*error: )?(?:[\w.]+: )?",
    r"element is not an? <",
    r"element is not (?:editable|an? (?:input|select|button|link|checkbox))",
    r"invalidelementstate",
    r"not an? (?:html)?(?:input|select) ?element",
)

EDITS = Beginning(
    r"(?:error: )?",
    r"your proposed edit has introduced",
    r"no replacement was performed",
    r"string to replace not found",
    r"old_(?:string|str|text) (?:was )?not found",
    r"no match(?:es)? (?:was |were )?found for (?:the )?(?:search|old)",
    r"(?:# ?)?\d+ search/replace blocks? failed",
    r"(?:the )?search(?:/replace)? block (?:failed|did not match|not found)",
    r"file has (?:not been read|been (?:modified|changed|unexpectedly modified))",
    r"found \d+ matches of the string to replace",
    r"multiple (?:occurrences|matches) of (?:old_str|the string)",
    r"apply_patch verification failed",
    r"patch (?:failed|does not apply)",
    r"hunk #\d+ failed",
    r"no file open",
    r"your bash command contained syntax errors",
    r"(?:wrong|incorrect|invalid) flag",
)

FILES = Beginning(
    r"(?:error: )?",
    r"(?:file|directory|path|folder) [^\n]{1,200} (?:not found|does not exist|doesn't exist|was not found)",
    r"(?:file|directory|path|folder) (?:not found|does not exist|doesn't exist)",
    r"no such file",
    r"permission denied",
    r"(?:access (?:is )?denied|not authori[sz]ed|unauthori[sz]ed|forbidden)\b",
    r"authentication (?:failed|required|error)",
)

TIMEOUTS = Beginning(
    r"(?:error: )?",
    r"(?:the |this )?(?:\w+ )?(?:command|request|operation|execution|tool|call|script|code|query|connection)"
    r"(?: execution)? (?:has )?(?:timed out|timeout)",
    r"timed out (?:after|waiting|while)",
    r"timeout[: ](?:\d|error|exceeded|after|while|waiting)",
    r"[\w.]*timeout(?:error)?:? \d+ ?ms exceeded",
    r"the (?:last )?command [^\n]{1,400} (?:was cancelled because|timed out)",
    r"execution error",
)

PAGES = Beginning(
    r"(?:error: )?(?:[\w.]+error: )?(?:message: )?",
    r"element is (?:not (?:visible|enabled|clickable|attached|interactable|stable)|outside|disabled|detached|hidden"
    r"|obscured)",
    r"element (?:click intercepted|not interactable|<.{1,200} is not clickable)",
    r"net::err_",
    r"(?:page|locator|frame|elementhandle|browser)\.\w+: ",
    r"target (?:page|closed|crashed)",
    r"browser has been closed",
    r"session (?:not created|terminated|expired|not found)",
)

HTTP = Beginning(
    r"(?:error:? )?",
    r"(?:http|status|error)(?: error| status| response)?(?: code)?[: ]*[45]\d\d\b",
    r"http/\d(?:\.\d)? [45]\d\d",
    r"4\d\d client error",
    r"5\d\d server error",
    r"(?:400 bad request|401 unauthori[sz]ed|402 payment|403 forbidden|404[: ](?:page )?not found|404 - |404 error"
    r"|405 method not|408 request time|409 conflict|410 gone|413 \w+ too|415 unsupported|422 unprocessable|429 too many"
    r"|500 internal|501 not impl|502 bad|502 proxy|503 service|504 gateway)",
    r"(?:\w+ )?request failed",
    r"(?:server )?responded with (?:a )?(?:status )?(?:code )?(?:of )?[45]\d\d",
    r"(?:404 )?not found[.!]?$",
    r"bad gateway",
    r"internal server error",
    r"service (?:temporarily )?unavailable",
    r"gateway time-?out",
    r"too many requests",
    r"rate limit(?:ed| exceeded| reached)",
    r"quota exceeded",
    r"connection (?:refused|reset|aborted|error|failed|closed)",
    r"could not (?:connect|resolve)",
    r"network error",
    r"max retries exceeded",
    r"ssl error",
    r"econn(?:refused|reset|aborted)",
    r"getaddrinfo",
)

DATABASES = Beginning(
    r"(?:error: )?(?:query failed: )?",
    r"error executing query",
    r"you have an error in your sql syntax",
    r"\(\d{4}, [\"'].{3,}",
    r"(?:error )?\d{4,6} \((?=\w*\d)\w{5}\)",
    r"\[[A-Z_.]+(?:ERROR|NOT_FOUND|EXCEPTION)[A-Z_.]*\] ",
    r"400 (?:syntax error|unrecognized|invalid)",
    r"\(?(?:sqlite3|psycopg2?|pymysql|mysql|asyncpg|duckdb|sqlalchemy|cx_oracle|pyodbc)[\w.]*\.\w+\)?[:, ]",
    r"(?:catalog|binder|parser|conversion|constraint|transaction|invalid input|out of range|syntax|internal|permission"
    r"|serialization|mismatch type|io|http|dependency) error: ",
    r"(?:in prepare, |runtime error near line|parse error near line|error near line)",
    r"no such (?:table|column|function|index|module|collation)",
    r"near \"[^\"\n]{0,80}\": syntax error",
    r"ora-\d{5}",
    r"msg \d+, level",
    r"sqlstate",
    r"sql (?:error|compilation error)",
    r"unknown (?:column|table|database)\b",
    r"table ['\"`].{1,120} doesn't exist",
    r"(?:relation|column|table|function|schema|database) \"?[\w. ]{1,80}\"? does not exist",
    r"query (?:failed|error)",
    r"syntax error (?:at|near|in|:)",
    r"null value in column",
    r"duplicate key value violates",
    r"(?:unique|foreign key|check|not null) constraint",
    r"division by zero$",
    r"column reference .{1,80} is ambiguous",
)

# How programs begin an error; upper and lower case count, since documents begin with such words too.
PLAIN = Beginning(
    "",
    r"\[(?:Error|ERROR|error|FATAL|fatal)\] ",
    r"(?:Error|ERROR|error|Failed|FAILED|failed)[.!]?$",
    r"\[?(?:Error|ERROR|error|Exception|EXCEPTION|Fatal|FATAL|fatal|Failure|FAILURE|Failed|FAILED)(?:\]|\*\*)?"
    r"(?:[:!]|\n(?![-+|=\s])| ?[-(\[]| (?:code |status )?\d{3}\b| (?:executing|calling|running|reading|writing|parsing"
    r"|fetching|loading|opening|creating|while|when|in|during|invoking|processing|performing|occurred|from|getting"
    r"|retrieving|connecting|accessing|evaluating|editing|searching|updating|deleting|sending|at line)\b| to [a-z])",
    r"An? (?:unexpected |internal |unknown |unhandled )?(?:error|exception) (?:occurred|was raised|happened"
    r"|was encountered|has occurred)",
    r"(?:Uncaught |Unhandled )?(?:\w+\.)*\w*(?:Error|Exception|Timeout|Failure)(?:\([^\n]{0,100}\))?: ?\S",
    r"(?:Tool|Action|Function|Command|Operation|Request|Query|Call|Execution|Code execution|Tool call|Tool execution"
    r"|Update|Edit)(?: \S{1,60})? (?:failed|errored|raised|execution failed|encountered an error|threw)\b",
    r"(?:Could not|Could ?n't|Cannot|Can't|Can not|Unable to|Failed to|Failure to) (?!(?:find|locate) (?:any|a match))"
    r"(?![^\n.]*\?)[a-z]",
    r"(?:Invalid|Missing|Unknown|Unexpected|Unsupported) [a-z]\w*",
    r"Something went wrong",
    r"MCP error -?\d+",
    r"E[A-Z]{4,12}: [a-z]",
    flags=re.NOFLAG,
)

# What harnesses say of a call, whatever its tool, with the type.
OF_HARNESSES: Sequence[tuple[str, Beginning]] = (
    ("format", UNREADABLE),
    ("invalid_action", _MALFORMED),
    ("blocked", BLOCKED),
    ("unknown_action", UNKNOWN_ACTION),
    ("invalid_arguments", INVALID_ARGUMENTS),
    ("tool_error", EDITS),
)
# How an error begins where a tool returns the content of something, which begins in many ways.
_STRICT = Beginning(
    "",
    r"\[?(?:Error|ERROR|error|Exception|FATAL|fatal)\]?(?::| (?:reading|opening|fetching|loading|executing|calling)\b)",
    r"(?:\w+\.)*\w+(?:Error|Exception)(?:\([^\n]{0,100}\))?: ?\S",
    r"(?:Could not|Couldn't|Cannot|Unable to|Failed to) (?:read|open|fetch|load|access|retrieve|connect|get|reach)\b",
    r"MCP error -?\d+",
    r"E[A-Z]{4,12}: [a-z]",
    flags=re.NOFLAG,
)

# The types of errors by how they begin; the first that matches counts.
FIRST_WORDS: Sequence[tuple[str, Beginning]] = (
    ("blocked", BLOCKED),
    ("unknown_action", UNKNOWN_ACTION),
    ("invalid_arguments", INVALID_ARGUMENTS),
    ("unknown_target", UNKNOWN_TARGET),
    ("not_applicable", NOT_APPLICABLE),
    *(("tool_error", words) for words in (EDITS, FILES, TIMEOUTS, PAGES, HTTP, DATABASES, PLAIN)),
)
# The same for tools whose results are contents.
FIRST_WORDS_OF_CONTENT = (*FIRST_WORDS[:-1], ("tool_error", _STRICT))
