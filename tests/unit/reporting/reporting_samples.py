"""Invented but realistic reports and their parts, for the tests of reports."""

from typing import Any

from halo_opt.core.records import Outcome
from halo_opt.core.report_records import (
    Beside,
    Consequence,
    Exemplar,
    Finding,
    GroupRow,
    GroupTable,
    InputFile,
    ModelAnalysis,
    ModelClaim,
    Number,
    Quoted,
    Report,
    SuggestedFix,
    UnsupportedClaim,
)
from halo_opt.reporting.trace_sections import StepView, TraceView

NOT_CONFIRMED = "[not confirmed]"
TRACE_A, TRACE_B = "a" * 32, "b3" * 16
COUNT_SQL = "SELECT count(*) FROM attempts WHERE outcome = 'failure'"


def number(value: Any, sql: str = COUNT_SQL, statistic: str | None = None) -> Number:
    return Number(value=value, sql=sql, statistic=statistic)


def finding(ident: str, title: str, explained: float, **changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "id": ident,
        "behaviour": title.lower().replace(" ", "_"),
        "title": title,
        "claim": f"{title} was seen in {explained:.0%} of failures and in few successes; tasks do not explain it.",
        "category": "harness",
        "predicate_sql": "SELECT trace_id, max(step) > 3 AS value, min(step) AS step\nFROM steps GROUP BY trace_id",
        "numbers": {
            "failures_with": number(round(96 * explained), "SELECT count(*) FROM behaviour WHERE value"),
            "failures": number(96),
            "successes_with": number(1, "SELECT 1"),
            "successes": number(9),
            "difference": number(0.381234, statistic="stratified_difference"),
            "interval": number([0.21, 0.52], statistic="stratified_interval"),
            "p_value": number(0.00004, statistic="permutation_p"),
            "q_value": number(0.0061),
            "explained": number(80 * explained, "SELECT cells FROM shown", "failures_explained"),
            "explained_interval": number(
                [60 * explained, 95 * explained], "SELECT cells", "failures_explained_interval"
            ),
        },
        "exemplars": [
            Exemplar(
                trace_id=TRACE_A,
                task_id="miniwob.login-user",
                seed=3,
                step=4,
                excerpt="click [7] button 'Login'",
                beside=Beside(
                    trace_id=TRACE_B, seed=3, step=2, here="step 2: click [7] button 'Login'", there="step 2: fill [5]"
                ),
            ),
            Exemplar(
                trace_id="f" * 32, task_id="miniwob.enter-text", seed=1, step=None, excerpt="the page said no. " * 40
            ),
        ],
        "counter_examples": [
            Exemplar(
                trace_id=TRACE_B, task_id="miniwob.click-tab-2", seed=0, step=1, excerpt="clicked twice, then solved"
            )
        ],
        "remedies": ["loop_guard", "ban_no_effect"],
        "confounders": ["long tasks have more steps in which to repeat"],
        "groups": [
            GroupTable(
                by="model",
                rows=[
                    GroupRow(
                        group="small", attempts=80, shown=40, interval=(0.39, 0.61), failures=40, failures_shown=39
                    ),
                    GroupRow(group="big", attempts=40, shown=0, interval=None, failures=20, failures_shown=0),
                ],
                p_value=0.0001,
                q_value=0.0004,
                note="Seen in small and hardly in big.",
                sql="SELECT model FROM attempts",
            )
        ],
        "consequences": [
            Consequence(
                behaviour="long_attempt",
                title="Takes longer than usual",
                claim="58 of the 60 failures that show this also show the finding.",
                predicate_sql="SELECT 1",
                numbers={"failures_with": number(60, "SELECT 60")},
            )
        ],
    }
    return Finding(**(fields | changes))


def model_claim(**changes: Any) -> ModelClaim:
    fields: dict[str, Any] = {
        "claim": "C1",
        "model": "qwen2.5-1.5b",
        "agent": "root.1",
        "title": "Clicks Login before the password is filled",
        "words": f"In 41 failures it clicks Login at once; {NOT_CONFIRMED} of them never see the password field.",
        "counter_evidence": "One success does the same and then fills it.",
        "predicate_sql": "SELECT trace_id FROM steps WHERE step = 0 AND target LIKE '%Login%'",
        "listed": True,
        "numbers": {"clicks of Login": number(1, "SELECT count(*) FROM steps"), "mean steps": number(0.5, "SELECT 2")},
        "quotes": [
            Quoted(trace_id=TRACE_A, step=4, words="no element has the number 7"),
            Quoted(trace_id="c" * 32, words="it was not found"),
        ],
        "category": "model",
        "triaged": "harness",
        "fix": SuggestedFix(path="prompts/harness/worker.j2", lines="3-4", words="Say that fields come first."),
        "corrections": ["number clicks of Login was 7; its SQL gives 1"],
    }
    return ModelClaim(**(fields | changes))


def unsupported() -> UnsupportedClaim:
    return UnsupportedClaim(
        claim="C2",
        model="qwen2.5-1.5b",
        title="The site was down",
        words=f"In {NOT_CONFIRMED} failures the site was down.",
        reasons=["no attempt shows it"],
        corrections=["412 was removed from the text: no checked number supports it"],
    )


def analyst(**changes: Any) -> ModelAnalysis:
    fields: dict[str, Any] = {
        "models": {"root": "qwen2.5-1.5b", "sub": "smollm2-135m"},
        "agents": 3,
        "turns": 17,
        "tools": {"sql": 20, "python": 2},
        "faults": {"bad json": 2},
        "calls": 31,
        "tokens_in": 120_000,
        "tokens_out": 4_000,
        "tokens_cached": 60_000,
        "cost_usd": None,
        "seconds": 93.25,
        "ended": "budget",
        "reason": "the budget of 5 dollars is spent",
        "salvaged": True,
        "python": "Landlock 6, seccomp and limits",
        "claims": 2,
        "confirmed": 1,
        "predicates": 5,
        "summary": "Most failures click too early.",
        "corrections": ["93 was removed from the text: no checked number supports it"],
    }
    return ModelAnalysis(**(fields | changes))


def report(**changes: Any) -> Report:
    rule = model_claim(claim="C3", listed=False)
    fields: dict[str, Any] = {
        "made_at": "2026-11-21T20:45:00Z",
        "title": "Why 108 MiniWoB++ attempts failed",
        "inputs": [InputFile(path="traces/run-1/results.jsonl", format="halo", sha256="9f" * 32, bytes=48213)],
        "overview": {
            "attempts": number(108),
            "measured": number(105),
            "success_rate": number(0.0857142857142857),
            "success_rate_interval": number([0.041, 0.152]),
            "errors": number(3),
            "tasks": number(18),
            "mean_steps": number(6.83333),
            "cost_usd": number(None),
            "success_rate of run-1": number(0.08),
            "success_rate_interval of run-1": number([0.03, 0.16]),
        },
        "findings": [
            finding(
                "F1",
                "Repeated an action with no effect",
                0.62,
                model_claims=[model_claim(), rule],
            ),
            finding("F2", "Submitted before filling the fields that the goal names", 0.31, counter_examples=[]),
            finding("F3", "Aimed at a target that is not on the page", 0.12, category="model", exemplars=[]),
        ],
        "tested": [
            {
                "behaviour": "repeated_action",
                "title": "Repeats the action that it just did",
                "state": "tested",
                "reason": None,
                "failures_with": 60,
                "failures": 96,
                "successes_with": 1,
                "successes": 9,
                "difference": 0.38,
                "interval": [0.21, 0.52],
                "p_value": 0.00004,
                "sql": "SELECT run_id, task_id, count(*) FROM shown",
            },
            {"behaviour": "long_idle_start", "title": "Gets nothing done", "state": "not seen", "reason": "none does"},
        ],
        "triage": {"harness": number(81), "model": number(11), "unexplained": number(4)},
        "ceiling": {"if_all_fixed": number(0.71), "if_all_fixed_interval": number([0.6, 0.82])},
        "method": "Each behaviour is contrasted between failures and successes within tasks; p-values are permuted "
        "within tasks and corrected by Benjamini and Hochberg at 5%.",
        "caveats": ["Six attempts a task: differences below 20 points cannot be seen."],
        "spend": {"seconds": 2.4, "cost_usd": 0.0},
        "unsupported": [unsupported()],
        "model_analysis": analyst(),
    }
    return Report(**(fields | changes))


def traces() -> list[TraceView]:
    steps = [
        StepView(
            index=n,
            observation=f"[{n}] textbox 'username' value=''\n[{n + 1}] button 'Login'",
            action="click",
            target="button 'Login'",
            result="nothing on the page changed",
            error="no element has the number 7" if n == 4 else None,
        )
        for n in range(9)
    ]
    goal = 'Enter the username "kim" and the password "x9" into the fields and press login.'
    return [
        TraceView(
            trace_id=TRACE_A, task_id="miniwob.login-user", seed=3, outcome=Outcome.FAILURE, goal=goal, steps=steps
        ),
        TraceView(trace_id=TRACE_B, task_id="miniwob.click-tab-2", seed=0, outcome=Outcome.SUCCESS, steps=steps[:2]),
    ]


def empty_report() -> Report:
    blank: dict[str, Any] = {"inputs": [], "overview": {}, "findings": [], "tested": [], "triage": {}, "ceiling": {}}
    return report(**blank, method="", caveats=[], spend={}, unsupported=[], model_analysis=None)
