"""The tool `delegate`: a sub-agent for a question about a part of the attempts."""

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.formatting import format_answer
from halo_opt.analysis.tools.querying import query, scope_ids
from halo_opt.core.text import visible


class DelegateArguments(Arguments):
    """A question and the attempts that it is about."""

    question: str = Field(min_length=3, max_length=4_000, description="what to find out; the sub-agent knows only this")
    attempts_sql: str | None = Field(
        default=None, description="SELECT of trace_id of the attempts it may look at; all of yours when left out"
    )
    words: str = Field(
        default="a part of the attempts", max_length=120, description="what these attempts are, in a few words"
    )


def run(arguments: DelegateArguments, context: ToolContext) -> str:
    """The sub-agent's report."""
    models = context.required_models()
    scope = context.scope
    if arguments.attempts_sql is not None:
        # Run once as it stands, so that this agent and not the sub-agent is told of a mistake in it.
        table = query(context, arguments.attempts_sql, max_rows=1)
        if len(table.columns) != 1:
            raise ToolRefused("attempts_sql must select one column; SELECT trace_id alone")
        scope = scope.narrowed(arguments.attempts_sql, " ".join(visible(arguments.words).split()))
        if not scope_ids(context, scope):
            raise ToolRefused("attempts_sql selects no attempt, so there is nothing to look at; check it with 'sql'")
    report = models.delegate(arguments.question, scope)
    return format_answer(context, "report of the sub-agent:", report, remedy="delegate smaller questions")


TOOL = Tool(
    "delegate",
    "give a question about some attempts to a sub-agent that has the same tools; it reports back",
    DelegateArguments,
    run,
)
