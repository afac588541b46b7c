"""Reports as one self-contained HTML file each. Must never load anything, run a script, or let a trace become markup.

The page's own policy forbids all of it: no script, no network, only the style sheet whose digest it names. Values pass
`visible` and then autoescape; only our SVG and our CSS are marked safe.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from halo_opt.console import visible
from halo_opt.records import Finding, Report
from halo_opt.reporting import words
from halo_opt.reporting.plots import Bar, bars
from halo_opt.reporting.traces import TraceSection, anchors, trace_sections
from halo_opt.reporting.views import TraceView

# What a finding is ranked by, best first: the first of these names that the findings have is drawn.
RANKED_BY = (
    "failures_explained",
    "explained",
    "share_of_failures",
    "prevalence_in_failures",
    "rate_in_failures",
    "prevalence",
    "difference",
)
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
    for name in ("percent", "points", "chance", "interval_words", "estimate_words", "count"):
        made.filters[name] = getattr(words, name)
    for name in ("figure", "figures", "title_of", "sql_command", "slug", "safe_link"):
        made.globals[name] = getattr(words, name)
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
    sections: list[TraceSection] = trace_sections(traces, shown)
    return page(
        "report.html.j2",
        report=report,
        ranking=ranking(report.findings),
        tested_columns=list(dict.fromkeys(name for row in report.tested for name in row)),
        traces=sections,
        anchors=anchors(sections),
    )


def ranking(findings: Sequence[Finding]) -> dict[str, Any] | None:
    """The plot of findings by what they explain: its title and drawings; None when no number can be drawn."""
    name = next((n for n in RANKED_BY if any(_plain(f, n) is not None for f in findings)), None)
    if name is None:
        return None
    drawn = []
    for finding in findings:
        value = _plain(finding, name)
        ends_name = words.interval_name(name, finding.numbers)
        ends = finding.numbers[ends_name].value if ends_name else None
        interval = (float(ends[0]), float(ends[1])) if isinstance(ends, list) and len(ends) == 2 else None
        said = words.figure(name, finding.numbers[name].value) if value is not None else words.MISSING
        drawn.append(Bar(f"{finding.id}  {finding.title}", value, interval, said))
    title = words.title_of(name)
    return {"title": title, "wide": bars(drawn, width=760, label=title), "narrow": bars(drawn, width=340, label=title)}


def _plain(finding: Finding, name: str) -> float | None:
    """A number of a finding as a fraction that can be drawn, else None."""
    value = finding.numbers[name].value if name in finding.numbers else None
    if isinstance(value, bool) or not isinstance(value, float | int):
        return None
    return float(value) if -1 <= value <= 1 else None
