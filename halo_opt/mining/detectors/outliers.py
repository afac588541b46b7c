"""Behaviours of attempts that cost or last far more than others of their kind. Medians tell what is usual."""

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.shape import Shape

# Three times the usual is beyond what the difficulty of one try explains.
FAR = 3
# Differences of seconds are the machine's.
SLOW_SECONDS = 60
SLOW_CALL_SECONDS = 30


def _usual(amount: str) -> str:
    """What attempts of the same task take (where it was tried three times), else those of the same run."""
    return (
        f"amounts AS (SELECT trace_id, task_id, run_id, {amount} AS amount FROM attempts"
        " WHERE outcome IS DISTINCT FROM 'error'),\n"
        "of_task AS (SELECT task_id, median(amount) AS usual FROM amounts GROUP BY task_id HAVING count(amount)"
        " >= 3),\n"
        "of_run AS (SELECT run_id, median(amount) AS usual FROM amounts GROUP BY run_id),\n"
        "usual AS (SELECT m.trace_id, m.amount, coalesce(t.usual, r.usual) AS usual FROM amounts AS m"
        " LEFT JOIN of_task AS t USING (task_id) LEFT JOIN of_run AS r ON r.run_id = m.run_id)"
    )


def _far(name: str, title: str, what: str, *, amount: str, need: str, least: float = 0) -> Behaviour:
    floor = f" AND u.amount - u.usual > {least}" if least else ""
    return Behaviour(
        name=name,
        title=title,
        meaning=f"{what} more than {FAR} times that of attempts at the task (median; of the run where the task was"
        f" tried less than three times){f' and {least} seconds more' if least else ''}.",
        needs=(need,),
        shape=Shape(
            before=_usual(amount),
            value="EXISTS (SELECT 1 FROM usual AS u WHERE u.trace_id = a.trace_id"
            f" AND u.amount > {FAR} * u.usual{floor})",
        ),
        # Whatever goes wrong takes time and tokens: they show that, not why.
        consequence=True,
    )


HIGH_COST = _far(
    "high_cost", "Costs far more than usual", "The model calls cost", amount="cost_usd", need="attempts.cost_usd"
)
HIGH_TOKENS = _far(
    "high_tokens",
    "Uses far more tokens than usual",
    "The tokens of prompts and replies are",
    amount="coalesce(tokens_in, 0) + coalesce(tokens_out, 0)",
    need="attempts.tokens_out",
)
SLOW = _far(
    "slow_attempt",
    "Lasts far longer than usual",
    "The time from start to end is",
    amount="epoch(ended_at) - epoch(started_at)",
    need="attempts.ended_at",
    least=SLOW_SECONDS,
)

SLOW_STEP = Behaviour(
    name="slow_step",
    title="Waits long for a single step",
    meaning=f"One step took more than {SLOW_CALL_SECONDS} seconds and more than ten times the median step of the run.",
    needs=("steps.ended_at",),
    shape=Shape(
        facts={"seconds": "epoch(ended_at) - epoch(started_at)"},
        before=(
            "usual_steps AS (SELECT run_id, median(epoch(s.ended_at) - epoch(s.started_at)) AS usual"
            " FROM attempts JOIN steps AS s USING (trace_id) GROUP BY run_id)"
        ),
        having="max(seconds)",
        value=f"held > {SLOW_CALL_SECONDS}"
        " AND held > 10 * (SELECT usual FROM usual_steps WHERE usual_steps.run_id = a.run_id)",
    ),
    consequence=True,
)

BEHAVIOURS = (HIGH_COST, HIGH_TOKENS, SLOW, SLOW_STEP)
