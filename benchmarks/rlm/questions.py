"""Questions about traces, each with the query (for our engine) and the code (for the peer) that answer it.

The right answer is the table that the query gives on the store. The code reads the span file by itself, so where both
give the same rows, two independent ways agree. An engine has answered when every row stands in what its own tools gave
it. Queries and code were written by hand and tried: they are the calls of a model that makes no mistake.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = tuple[Any, ...]
CHANGES = "'book_reservation','cancel_reservation','update_reservation_flights','update_reservation_baggages'"
YES = r"(?i)\byes\b"


@dataclass(frozen=True, slots=True)
class Question:
    """`sql` gives the right rows; `code` is the peer's cell. Our side asks the query, or `predicate` of `contrast`.

    An answer of our engine must cite evidence: `cells` are queries of one cell for each row, with `{0}` for
    the row's first column and so on; where there are none, the evidence of each row is a quote, its last column.
    `{worst}` and `{attempt}` in any of them stand for facts of the data (`FACTS`).
    """

    name: str
    words: str
    sql: str
    code: str
    cells: tuple[str, ...] = ()
    predicate: str = ""

    def about(self, facts: Mapping[str, str]) -> "Question":
        """The question with its facts filled in."""

        def filled(text: str) -> str:
            for name, value in facts.items():
                text = text.replace(f"{{{name}}}", value)
            return text

        texts = [filled(text) for text in (self.name, self.words, self.sql, self.code)]
        return Question(*texts, tuple(filled(cell) for cell in self.cells), filled(self.predicate))

    def evidence(self, row: Row) -> list[str]:
        """The one-cell queries of a row."""
        return [re.sub(r"\{(\d)\}", lambda match: str(row[int(match[1])]), cell) for cell in self.cells]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the rows of its right answer, with the names of their columns."""

    question: Question
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


# The task with the most failures among those solved at least once, and the failure with the lowest id.
FACTS = {
    "worst": "SELECT task_id FROM attempts GROUP BY 1 HAVING count(*) FILTER (outcome = 'success') > 0"
    " ORDER BY count(*) FILTER (outcome = 'failure') DESC, 1 LIMIT 1",
    "attempt": "SELECT min(trace_id) FROM attempts WHERE outcome = 'failure'",
}
# Each cell reads the span file itself, the cheapest way that the peer's sandbox offers: `trace_store` gives spans with
# long texts cut and message attributes left out.
_ROOTS = """import json
from collections import Counter
R=[a for a in (json.loads(l)['attributes'] for l in open(trace_store.trace_path)) if 'reward' in a]
"""
_SPANS = """import json,re
from collections import Counter,defaultdict
S=[json.loads(l) for l in open(trace_store.trace_path)]
A=lambda s:s['attributes']
F={s['trace_id']:A(s)['reward']<1 for s in S if 'reward' in A(s)}
C=[s for s in S if 'tool.name' in A(s)]
"""
_ASKED = (
    "SELECT 1 FROM messages AS m JOIN steps AS s USING (trace_id, span_id) WHERE m.trace_id = c.trace_id AND m.role ="
    f" 'user' AND s.step <= c.step AND regexp_matches(m.content, '{YES}')"
)
_FIRST_CHANGES = (
    f"SELECT FROM (SELECT trace_id, min(step) AS step FROM tool_calls WHERE tool IN ({CHANGES}) GROUP BY 1) AS c JOIN"
    " attempts USING (trace_id) WHERE outcome = '{0}'"
)
_BOTH = "for o,b in(('failure',True),('success',False)):"

QUESTIONS = (
    Question(
        "failures by task",
        "How many attempts failed, by task? Give the ten tasks with the most failures (ties by name), as task, failed,"
        " attempts.",
        "SELECT task_id, count(*) FILTER (outcome = 'failure') AS failed, count(*) AS attempts FROM attempts"
        " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
        _ROOTS + "f=Counter(a['task.id'] for a in R if a['reward']<1);n=Counter(a['task.id'] for a in R)\n"
        "for t in sorted(n,key=lambda t:(-f[t],t))[:10]:print(t,f[t],n[t])",
        (
            "SELECT count(*) FROM attempts WHERE task_id = '{0}' AND outcome = 'failure'",
            "SELECT count(*) FROM attempts WHERE task_id = '{0}'",
        ),
    ),
    Question(
        "tool errors",
        "Which tool errors are most common, with numbers in their messages masked as #, and in how many failing"
        " attempts"
        " does each stand? Give the five in the most failing attempts (ties by tool, then message), as tool, message,"
        " errors, failing attempts.",
        "SELECT tool, left(regexp_replace(error, '[0-9]+', '#', 'g'), 60) AS message, count(*) AS errors,"
        " count(DISTINCT trace_id) FILTER (outcome = 'failure') AS failing FROM tool_calls JOIN attempts USING"
        " (trace_id)"
        " WHERE error IS NOT NULL GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2 LIMIT 5",
        _SPANS + "n=Counter();f=defaultdict(set)\n"
        "for s in C:\n"
        " if s['status']['code']=='STATUS_CODE_ERROR':\n"
        "  k=A(s)['tool.name'],re.sub('[0-9]+','#',s['status']['message'])[:60];n[k]+=1\n"
        "  if F[s['trace_id']]:f[k].add(s['trace_id'])\n"
        "for k in sorted(n,key=lambda k:(-len(f[k]),k))[:5]:print(*k,n[k],len(f[k]))",
        (
            "SELECT count(*) FROM tool_calls WHERE tool = '{0}' AND regexp_replace(error, '[0-9]+', '#', 'g') LIKE"
            " '{1}%'",
            "SELECT count(DISTINCT trace_id) FROM tool_calls JOIN attempts USING (trace_id) WHERE outcome ="
            " 'failure' AND"
            " tool = '{0}' AND regexp_replace(error, '[0-9]+', '#', 'g') LIKE '{1}%'",
        ),
    ),
    Question(
        "repeated calls",
        "In what share of failures is the same call (tool and arguments) made more than once, and in what share of"
        " successes? Give outcome, attempts with it, attempts.",
        "SELECT outcome, count(r.trace_id) AS repeating, count(*) AS attempts FROM attempts LEFT JOIN (SELECT DISTINCT"
        " trace_id FROM (SELECT trace_id FROM tool_calls GROUP BY trace_id, tool, arguments HAVING count(*) > 1)) AS r"
        " USING (trace_id) GROUP BY 1 ORDER BY 1",
        _SPANS + "n=Counter((s['trace_id'],A(s)['tool.name'],A(s)['input.value']) for s in C)\n"
        f"r={{k[0] for k in n if n[k]>1}}\n{_BOTH}print(o,sum(F[t]==b for t in r),sum(v==b for v in F.values()))",
        (
            "SELECT count(DISTINCT trace_id) FROM (SELECT trace_id FROM tool_calls GROUP BY trace_id, tool, arguments"
            " HAVING count(*) > 1) JOIN attempts USING (trace_id) WHERE outcome = '{0}'",
            "SELECT count(*) FROM attempts WHERE outcome = '{0}'",
        ),
    ),
    Question(
        "handing over",
        "Does handing over to a human (transfer_to_human_agents) go with failing? Give attempts that do it and"
        " attempts,"
        " of failures and then of successes.",
        "SELECT count(*) FILTER (h AND outcome = 'failure') AS failures_with, count(*) FILTER (outcome = 'failure') AS"
        " failures, count(*) FILTER (h AND outcome = 'success') AS successes_with, count(*) FILTER (outcome ="
        " 'success')"
        " AS successes FROM (SELECT outcome, trace_id IN (SELECT trace_id FROM tool_calls WHERE tool ="
        " 'transfer_to_human_agents') AS h FROM attempts)",
        _SPANS + "h={s['trace_id'] for s in C if A(s)['tool.name']=='transfer_to_human_agents'}\n"
        "print(*(x for b in(True,False) for x in(sum(F[t]==b for t in h),sum(v==b for v in F.values()))))",
        tuple(
            query
            for outcome in ("failure", "success")
            for query in (
                "SELECT count(DISTINCT trace_id) FROM tool_calls JOIN attempts USING (trace_id) WHERE tool ="
                f" 'transfer_to_human_agents' AND outcome = '{outcome}'",
                f"SELECT count(*) FROM attempts WHERE outcome = '{outcome}'",
            )
        ),
        "SELECT trace_id FROM tool_calls WHERE tool = 'transfer_to_human_agents'",
    ),
    Question(
        "worst task",
        "What do the failures of {worst} call, compared with its successes? Give tool, failures that call it, successes"
        " that call it.",
        "SELECT tool, count(DISTINCT trace_id) FILTER (outcome = 'failure') AS failures, count(DISTINCT trace_id)"
        " FILTER"
        " (outcome = 'success') AS successes FROM tool_calls JOIN attempts USING (trace_id) WHERE task_id = '{worst}'"
        " GROUP BY 1 ORDER BY 1",
        _SPANS + "W={s['trace_id'] for s in S if A(s).get('task.id')=='{worst}'};d=defaultdict(set)\n"
        "for s in C:\n"
        " if s['trace_id'] in W:d[A(s)['tool.name']].add(s['trace_id'])\n"
        "for k in sorted(d):print(k,sum(F[t] for t in d[k]),sum(not F[t] for t in d[k]))",
        tuple(
            "SELECT count(DISTINCT trace_id) FROM tool_calls JOIN attempts USING (trace_id) WHERE task_id ="
            " '{worst}' AND"
            f" tool = '{{0}}' AND outcome = '{outcome}'"
            for outcome in ("failure", "success")
        ),
    ),
    Question(
        "first errors",
        "Show the first tool error of five failing attempts (those with the lowest ids that have one): attempt,"
        " tool, the"
        " first 60 characters of the message.",
        "SELECT trace_id, arg_min(tool, position) AS tool, left(arg_min(error, position), 60) AS message FROM"
        " tool_calls"
        " JOIN attempts USING (trace_id) WHERE outcome = 'failure' AND error IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT 5",
        _SPANS + "e={}\n"
        "for s in C:\n"
        " if s['status']['code']=='STATUS_CODE_ERROR' and F[s['trace_id']]:e.setdefault(s['trace_id'],s)\n"
        "for t in sorted(e)[:5]:print(t,A(e[t])['tool.name'],e[t]['status']['message'][:60])",
    ),
    Question(
        "consent",
        "Does the agent change a booking (book, cancel, update flights or bags) before the user has said yes at all?"
        " Give"
        " outcome, attempts whose first change comes before any yes, attempts with a change.",
        f"SELECT outcome, count(*) FILTER (NOT EXISTS ({_ASKED})) AS unasked, count(*) AS changing FROM (SELECT"
        f" trace_id,"
        f" min(step) AS step FROM tool_calls WHERE tool IN ({CHANGES}) GROUP BY 1) AS c JOIN attempts USING (trace_id)"
        " GROUP BY 1 ORDER BY 1",
        _SPANS + "y=set();c={}\n"
        "for s in S:\n"
        " a=A(s);t=s['trace_id']\n"
        " for k,v in a.items():\n"
        f"  if k[:9]=='llm.input' and k[-5:]=='.role' and v=='user' and"
        f" re.search(r'{YES}',a[k[:-4]+'content']):y.add(t)\n"
        f" if a.get('tool.name') in({CHANGES}):c.setdefault(t,t in y)\n"
        f"{_BOTH}print(o,sum(not v for t,v in c.items() if F[t]==b),sum(F[t]==b for t in c))",
        (
            _FIRST_CHANGES.replace("SELECT", "SELECT count(*) FILTER (NOT EXISTS (" + _ASKED + "))", 1),
            _FIRST_CHANGES.replace("SELECT", "SELECT count(*)", 1),
        ),
    ),
    Question(
        "length",
        "How many model calls do failures and successes take, failed calls counted? Give outcome, the median and the"
        " most.",
        "SELECT outcome, quantile_disc(steps, 0.5) AS median, max(steps) AS most FROM attempts GROUP BY 1 ORDER BY 1",
        _SPANS + "n=Counter(s['trace_id'] for s in S if A(s)['openinference.span.kind']=='LLM')\n"
        f"{_BOTH}\n"
        " v=sorted(n[t] for t in F if F[t]==b);print(o,v[(len(v)-1)//2],v[-1])",
        (
            "SELECT quantile_disc(steps, 0.5) FROM attempts WHERE outcome = '{0}'",
            "SELECT max(steps) FROM attempts WHERE outcome = '{0}'",
        ),
    ),
    Question(
        "dearest attempts",
        "Which five attempts used the most input tokens, and how did they end? Give attempt, tokens, outcome.",
        "SELECT trace_id, tokens_in, outcome FROM attempts ORDER BY 2 DESC, 1 LIMIT 5",
        _SPANS + "n=Counter()\n"
        "for s in S:n[s['trace_id']]+=A(s)['inference.llm.input_tokens'] or 0\n"
        "for t,k in sorted(n.items(),key=lambda x:(-x[1],x[0]))[:5]:print(t,k,'failure' if F[t] else 'success')",
        ("SELECT tokens_in FROM attempts WHERE trace_id = '{0}'",),
    ),
    Question(
        "one attempt",
        "What did attempt {attempt} do? Give its tool calls in order: tool and the first 40 characters of the"
        " arguments.",
        "SELECT tool, left(arguments, 40) AS arguments FROM tool_calls WHERE trace_id = '{attempt}' ORDER BY position",
        "import json\n"
        "for l in open(trace_store.trace_path):\n"
        " s=json.loads(l);a=s['attributes']\n"
        " if s['trace_id']=='{attempt}' and 'tool.name' in a:print(a['tool.name'],a['input.value'][:40])",
    ),
)


def told(rows: Sequence[Row]) -> str:
    """The answer in words, the same on both sides."""
    return "\n".join(" ".join(str(cell) for cell in row) for row in rows)


def stands(rows: Sequence[Row], text: str) -> bool:
    """Whether every row stands in a text: its cells in order and near each other, whatever marks stand between them."""
    bare = _bare(text)
    between = r"[^\d\n]{0,60}?"
    return bool(rows) and all(
        re.search(between.join(rf"(?<![\w.]){re.escape(_bare(str(cell)))}(?!\w)" for cell in row), bare) for row in rows
    )


def _bare(text: str) -> str:
    r"""Without marks of JSON and tables (`\n` is a new line; quotes, bars, backslashes go) and percentages."""
    return re.sub(r"[ \t]+", " ", re.sub(r"[\\\"|]|\(\d+%\)", "", text.replace("\\n", "\n"))).strip()
