"""The tool `delegate`: a sub-agent for a question about a part of the attempts. The engine runs it."""

from pydantic import Field

from halo_opt.analysis.tools.answers import answer
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.querying import ids_of, query
from halo_opt.core.text import visible


class DelegateArguments(Arguments):
    """A question, and the attempts it is about."""

    question: str = Field(min_length=3, max_length=4_000, description="what to find out; it knows nothing but this")
    attempts_sql: str | None = Field(
        default=None, description="SELECT of trace_id of the attempts it may look at; all of yours when left out"
    )
    words: str = Field(default="a part of the attempts", max_length=120, description="what these attempts are")


def run(asked: DelegateArguments, context: ToolContext) -> str:
    """The sub-agent's report."""
    models = context.required_models()
    scope = context.scope
    if asked.attempts_sql is not None:
        # Asked once as it stands, so that its mistakes are told here and not to the sub-agent.
        table = query(context, asked.attempts_sql, max_rows=1)
        if len(table.columns) != 1:
            raise ToolRefused("attempts_sql must give one column; SELECT trace_id alone")
        scope = scope.narrowed(asked.attempts_sql, " ".join(visible(asked.words).split()))
        if not ids_of(context, scope):
            raise ToolRefused("attempts_sql gives no attempt, so there is nothing to look at; try it with 'sql'")
    report = models.delegate(asked.question, scope)
    return answer(context, "the sub-agent reports:", report, instead="ask it less at a time")


TOOL = Tool(
    "delegate",
    "give a question about some attempts to a sub-agent with the same tools; it reports back",
    DelegateArguments,
    run,
)
