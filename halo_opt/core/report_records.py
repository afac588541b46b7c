"""The parts of a report as frozen records: findings, their numbers, and a model's claims. Units as in `core.records`.

What a model claimed stands in fields of its own, apart from the numbers that mining computed.
"""

from typing import Any, Literal

from pydantic import Field

from halo_opt.core.records import Interval, Record, Value

Category = Literal["harness", "model", "grader", "infrastructure", "unexplained"]
HarnessPart = Literal["prompt", "parser", "tool wrapper", "limit", "container", "grader", "loop", "settings", "other"]

Level = Literal["proven", "shown", "suspected", "unsupported"]
"""How well a cause is supported.

proven: a test that is corrected for all tests says that attempts which show it fail more often.
shown: every number and quote was run again and holds; it concerns a whole run, or is too rare for a test.
suspected: what is quoted stands; the numbers hold in part, or a test does not tell.
unsupported: nothing of it stands.
"""
LEVELS: tuple[Level, ...] = ("proven", "shown", "suspected", "unsupported")


class Number(Record):
    """A number of a report with what makes it again.

    `sql` is one self-contained SELECT over the store. Without `statistic` its single cell is the value; with it, the
    rows go through the pure function of that name in `halo_opt.stats.registry`, and its result is the value.
    """

    value: Value
    sql: str
    statistic: str | None = None


class Beside(Record):
    """A success at the same task, held beside a failure: the first step at which the two did something else.

    `here` are the words of the failure at that step, `there` those of the success; '' where one had ended already.
    """

    trace_id: str
    seed: int | None
    step: int
    here: str
    there: str


class Diagnosis(Record):
    """What went wrong first in one failed attempt.

    Attributes:
        agent: Who acted at that step, '' where the trace names no agents.
        step: The first decisive step, counted from 0; None where the trace does not tell.
        problem: What was wrong there, in one sentence.
        fault: Whose fault it looks like.
        quote: Words of the trace at that step.
        finding: The id of the finding that the attempt belongs to; None where there is none.
        rule: The rule by which the step was chosen, or `model`.
        by: `rules`, or the name of the model that read the attempt.
        checked: Whether the quote stands at that step; False only where a model's quote was not found.
    """

    trace_id: str
    task_id: str
    agent: str = ""
    step: int | None
    problem: str
    fault: Category
    quote: str
    finding: str | None = None
    rule: str
    by: str = "rules"
    checked: bool = True


class Exemplar(Record):
    """One attempt that shows a behaviour, at one step, with the words of the trace."""

    trace_id: str
    task_id: str
    seed: int | None
    step: int | None
    excerpt: str
    beside: Beside | None = None
    diagnosis: Diagnosis | None = None


class Consequence(Record):
    """A behaviour that only comes along with a finding, with the numbers that say so."""

    behaviour: str
    title: str
    claim: str
    predicate_sql: str
    numbers: dict[str, Number]


class GroupRow(Record):
    """One group of attempts: how many, how many show the behaviour (with an interval of the share), and failures."""

    group: str
    attempts: int
    shown: int
    interval: Interval | None
    failures: int
    failures_shown: int


class GroupTable(Record):
    """A behaviour by groups of one kind. `sql` gives the counts a group and task that everything here follows from.

    `p_value` tests whether the behaviour is as common in every group, `q_value` is corrected for all such tables of the
    report. `note` says in words where it is concentrated, '' when that is not shown.
    """

    by: Literal["task family", "model", "mode", "harness revision", "run"]
    rows: list[GroupRow]
    p_value: float | None
    q_value: float | None = None
    note: str = ""
    sql: str


class Quoted(Record):
    """Words that stand in one attempt (at one step, where one is given), as a model quoted them."""

    trace_id: str
    step: int | None = None
    words: str


class SuggestedFix(Record):
    """Where a model would change the harness, in words.

    Attributes:
        part: The part of the harness, in the field's words.
        path: The file within the harness's folder; '' where no such folder was given.
        lines: As the model wrote them, '' for none.
        words: What should stand there.
    """

    part: HarnessPart = "other"
    path: str = ""
    lines: str = ""
    words: str


class ModelClaim(Record):
    """What a model claimed of a finding, as far as the traces support it. Its words are shown apart and prove nothing.

    Attributes:
        predicate_sql: Gives the trace ids of the attempts that, as the model says, show it.
        listed: Whether these attempts are picked by their names and not by a rule.
        written: Title, words and counter-evidence as the model wrote them, where placeholders in them were filled in.
        measured: How many failures and successes show it, of how many, and the difference of the failure rates.
        numbers: The claim's own numbers, each as its SQL gave it when it was run again.
        category: Whose fault the model thinks it is.
        triaged: The triage class of more than half of the failures that show it; None where no class has so many.
        level: How well the traces support it.
        level_reason: Why the level is not higher, as a sentence; '' for `proven`.
        to_lift: What data would lift it, as a sentence; '' for `proven`.
        scope: The attempts that its agent could see, in words; '' for all.
        unchecked: Figures and number words in the text that no checked number gave, as they are written there.
        counter_quotes: Quotes of successes that speak against it.
        remedies: What may help, in the model's words or in words of the playbook.
        corrections: What differed when the claim was checked: a number whose SQL gives another value, a quote that was
            not found.
    """

    claim: str = Field(description="id of the claim within the analysis")
    model: str
    agent: str = Field(description="root, root.1, root.1.2")
    title: str
    words: str
    counter_evidence: str = ""
    predicate_sql: str
    listed: bool = False
    written: dict[str, str] = Field(default={})
    measured: dict[str, Number] = Field(default={})
    numbers: dict[str, Number]
    quotes: list[Quoted]
    category: Category
    triaged: Category | None
    level: Level = "suspected"
    level_reason: str = ""
    to_lift: str = ""
    scope: str = ""
    unchecked: list[str] = Field(default=[])
    counter_quotes: list[Quoted] = Field(default=[])
    remedies: list[str] = Field(default=[])
    fix: SuggestedFix | None = None
    corrections: list[str] = Field(default=[])


class UnsupportedClaim(Record):
    """What a model claimed and the traces do not support, and why. It is no finding, and no patch is made of it."""

    claim: str
    model: str
    title: str
    words: str
    reasons: list[str]
    corrections: list[str] = Field(default=[])


class ModelAnalysis(Record):
    """How a model analyzed the traces: what ran, what it cost, how it ended.

    Attributes:
        predicates: How many predicates were tested against the outcomes for it, claims among them; each is a line of
            the report's `tested`.
        python: What confined the code that the model wrote, or why it could run none.
        cost_usd: None where a price is not known.
        summary: The model's own words, with the values of its placeholders filled in.
        written: The summary as the model wrote it, with its placeholders; '' where it has none.
        unchecked: Figures and number words in the summary that no checked number gave.
    """

    models: dict[str, str] = Field(description="role -> model")
    agents: int
    turns: int
    tools: dict[str, int] = Field(description="tool -> calls")
    faults: dict[str, int] = Field(description="kind of fault -> how often")
    calls: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int = 0
    cost_usd: float | None
    seconds: float
    ended: str
    reason: str = ""
    salvaged: bool
    python: str
    claims: int
    confirmed: int
    predicates: int
    summary: str = ""
    written: str = ""
    unchecked: list[str] = Field(default=[])
    corrections: list[str] = Field(default=[])


class Finding(Record):
    """A failure mode written up: claim, numbers, SQL, exemplars, counter-evidence, fix.

    `model_claims` are a model's claims of the same attempts. Where the finding itself is a model's, so is its title.

    Attributes:
        level: How well it is supported.
        level_reason: Why the level is not higher, as a sentence; '' for `proven`.
        to_lift: What data would lift it, as a sentence; '' for `proven`.
        scope: What it concerns where that is not all attempts, such as `run plan_solve`; '' for all.
        explains: For how many failures it is the best explanation that there is (see `Report.triage_sql`).
    """

    id: str
    behaviour: str
    title: str
    claim: str
    category: Category
    predicate_sql: str
    numbers: dict[str, Number]
    exemplars: list[Exemplar]
    counter_examples: list[Exemplar]
    remedies: list[str]
    confounders: list[str] = Field(default=[])
    consequences: list[Consequence] = Field(default=[])
    groups: list[GroupTable] = Field(default=[])
    model_claims: list[ModelClaim] = Field(default=[])
    level: Level = "suspected"
    level_reason: str = ""
    to_lift: str = ""
    scope: str = ""
    explains: Number | None = None


class GroupComparison(Record):
    """Two groups of attempts (runs, modes, models or revisions) on the tasks that both tried.

    A task counts as lost where `worse` has the lower success rate on it, as won where it has the higher one.

    Attributes:
        by: What the groups are.
        worse: The group that does worse on these tasks.
        better: The other group.
        tasks: Tasks that both tried.
        lost: Tasks on which `worse` does worse.
        won: Tasks on which `worse` does better.
        p_value: Exact sign test over lost and won, two-sided.
        q_value: The same, corrected for all comparisons of the report.
        findings: Ids of the findings whose behaviour marks `worse`.
    """

    by: Literal["run", "mode", "model", "harness revision"]
    worse: str
    better: str
    tasks: Number
    lost: Number
    won: Number
    p_value: Number
    q_value: float | None = None
    findings: list[str] = Field(default=[])


class CountRow(Record):
    """One thing that attempts show: how many show it, of how many, and the 95% interval of the share."""

    title: str
    shown: Number
    attempts: Number
    interval: Number


class CountTable(Record):
    """Things of one kind that attempts show, the commonest first, counted over all attempts but errors."""

    title: str
    rows: list[CountRow]


class InputFile(Record):
    """A trace file that a report was made from, as it was then."""

    path: str
    format: str
    sha256: str
    bytes: int


class AskedBehaviour(Record):
    """A predicate that a model had tested together with mining's behaviours.

    `predicate_sql` gives the trace ids of the attempts that show it. `claim` is the id of the model's claim of it, None
    where the model made none. `category` is whose fault the claim says it is.
    """

    name: str
    title: str
    meaning: str
    predicate_sql: str
    model: str
    remedies: list[str] = Field(default=[])
    claim: str | None = None
    category: Category = "unexplained"


class MadeWith(Record):
    """What a report depends on beside the traces; `halo-opt verify` makes the report again with it.

    Attributes:
        version: The version of halo-opt; '' in reports of versions that did not record this.
        reading: How the traces were read: format, scores, mapping file, threshold, redaction.
        experimental: Whether the experimental detectors were used too.
        detectors: The user's own detectors, as they were read.
        skipped: A sentence for each of the user's detectors that could not be used.
        playbook: The user's own playbook, None for the one that comes with halo-opt.
        asked: What a model had tested, in this order.
    """

    version: str = ""
    reading: dict[str, Any] = Field(default={})
    experimental: bool = False
    detectors: list[dict[str, Any]] = Field(default=[])
    skipped: list[str] = Field(default=[])
    playbook: dict[str, Any] | None = None
    asked: list[AskedBehaviour] = Field(default=[])


class Report(Record):
    """report.json. Every number carries the SQL that made it; Markdown and HTML are drawn from this.

    Attributes:
        answer: Up to five sentences that say how many attempts failed and what explains most of them.
        triage_sql: Gives a row an attempt that failed or was not measured: its class, the rule, the finding that is its
            best explanation, and the numbers that decided. In the SQL of numbers, a table `triage` stands for it.
        comparisons: Runs, modes, models and revisions compared on the tasks that both tried.
    """

    schema_version: Literal[3] = 3
    made_at: str
    title: str
    inputs: list[InputFile]
    overview: dict[str, Number]
    findings: list[Finding]
    tested: list[dict[str, Value]]
    triage: dict[str, Number]
    triage_sql: str | None = None
    ceiling: dict[str, Number]
    method: str
    caveats: list[str]
    left_out: list[str] = Field(default=[], description="which files beside the traces were not read, and why")
    spend: dict[str, float]
    unsupported: list[UnsupportedClaim] = Field(default=[])
    model_analysis: ModelAnalysis | None = None
    counts: list[CountTable] = Field(
        default=[], description="what attempts show, where outcomes are missing or all the same"
    )
    made_with: MadeWith = MadeWith()
    comparisons: list[GroupComparison] = Field(default=[])
    answer: list[str] = Field(default=[])
