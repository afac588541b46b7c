"""Reports as one self-contained HTML file each.

A page loads nothing and runs no script; its Content-Security-Policy allows only its own style sheet. Text passes
`visible` and is then escaped, so that nothing in a trace becomes markup; only our SVG and our CSS are marked safe.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from halo_opt.core.report_records import Report
from halo_opt.core.text import counted, visible
from halo_opt.reporting import formatting
from halo_opt.reporting.claims_parts import MODELS_OWN_WORDS, SUMMARY, UNCHECKED, UNSUPPORTED, analysis_rows, opinions
from halo_opt.reporting.report_parts import (
    CAUSE_COLUMNS,
    COUNT_COLUMNS,
    COUNTS_NOTE,
    COUNTS_TITLE,
    GROUP_COLUMNS,
    MORE_FINDINGS,
    NO_OWN_REMEDY,
    TRIAGE_NOTE,
    cause_rows,
    count_lines,
    diagnosis_words,
    explained_plot,
    group_lines,
    has_ceiling,
    has_triage,
    leading,
    level_note,
    level_words,
    none_found,
    overview_tiles,
    runs_plot,
    seen_plot,
    table_of_tested,
)
from halo_opt.reporting.trace_sections import TraceSection, TraceView, anchors, trace_sections

FOLD_CHARACTERS = 280  # about four lines; longer text starts folded


def _shown(value: Any) -> Any:
    """Jinja's finalize: hidden characters spelled out; markup that we made passes; None is a mistake of a template."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return visible(value)
    if value is None:
        raise TypeError("a template printed None; say in words that it was not measured")
    return value


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("halo_opt.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("percent", "points", "p_value_text", "interval_text", "estimate_text", "count"):
        made.filters[name] = getattr(formatting, name)
    for name in ("figure", "figures", "title_of", "sql_command", "slug", "safe_link", "moment"):
        made.globals[name] = getattr(formatting, name)
    made.globals["fold_after"] = FOLD_CHARACTERS
    return made


@cache
def _style() -> tuple[Markup, str]:
    """The style sheet and the policy source that allows exactly it."""
    text = resources.files("halo_opt.reporting").joinpath("templates", "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return Markup(text), f"'sha256-{digest}'"  # safe: our own file, with no part of any trace


def page(template: str, **values: Any) -> str:
    """One template as a whole page with style and policy in it."""
    style, policy = _style()
    return _environment().get_template(template).render(style=style, style_policy=policy, **values)


def report_html(report: Report, *, traces: Sequence[TraceView] = ()) -> str:
    """The analysis report; `traces` make the appendix that exemplars link into."""
    shown = [e for finding in report.findings for e in (*finding.exemplars, *finding.counter_examples)]
    quoted = [
        quote
        for finding in report.findings
        for claim in finding.model_claims
        for quote in (*claim.quotes, *claim.counter_quotes)
    ]
    written_out, others = leading(report.findings)
    sections: list[TraceSection] = trace_sections(traces, [*shown, *quoted])
    return page(
        "report.html.j2",
        report=report,
        sources=[file.path for file in report.inputs],
        none_found=none_found(report),
        no_own_remedy=NO_OWN_REMEDY,
        tiles=overview_tiles(report.overview),
        plots=[plot for plot in (runs_plot(report.overview),) if plot],
        rankings=[plot for plot in (seen_plot(report.findings), explained_plot(report.findings)) if plot],
        counts=count_lines(report),
        count_columns=COUNT_COLUMNS,
        counts_title=COUNTS_TITLE,
        counts_note=COUNTS_NOTE,
        has_triage=has_triage(report),
        has_ceiling=has_ceiling(report),
        tested=table_of_tested(report.tested),
        traces=sections,
        anchors=anchors(sections),
        causes=cause_rows(report.findings),
        cause_columns=CAUSE_COLUMNS,
        level_note=level_note(report.findings),
        diagnosis_words=diagnosis_words,
        level_words=level_words,
        group_lines=group_lines,
        group_columns=GROUP_COLUMNS,
        opinions=opinions,
        analysis_rows=analysis_rows,
        not_ours=MODELS_OWN_WORDS,
        unchecked=UNCHECKED,
        summary_title=SUMMARY,
        written_out=written_out,
        others=others,
        more_findings=MORE_FINDINGS.format(counted(len(others), "more finding")),
        triage_note=TRIAGE_NOTE,
        unsupported_hint=UNSUPPORTED,
    )
