"""Records whose every text is an attack on the page that shows it."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from loop_samples import loop_summary
from reporting_samples import report, traces

from halo_opt.core.loop_records import (
    LoopSummary,
)
from halo_opt.core.report_records import Report
from halo_opt.reporting.trace_sections import TraceView

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "<!--<script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<img src="http://198.51.100.7/beacon.gif">',
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)//",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' onfocus='alert(1)' autofocus='",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<a href=javascript:alert(1)>click</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='javascript:alert(1)'></object>",
    "<link rel=stylesheet href=http://198.51.100.7/x.css>",
    "<base href=http://198.51.100.7/>",
    '<meta http-equiv="refresh" content="0;url=http://198.51.100.7/">',
    "<form action=http://198.51.100.7/><button autofocus onfocus=alert(1)>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "{{ 7*7 }}{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "`code` ```\n<script>alert(1)</script>\n```",
    "[link](javascript:alert(1)) ![x](http://198.51.100.7/y.png)",
    "\x00<\x00script>alert(1)\u202e\ufeff</script>",
]


FIXED_WORDS = frozenset(
    {"category", "triaged", "level", "part", "type", "direction", "outcome", "by", "paired_by", "measured_in"}
)


def poisoned(value: Any, payloads: Iterator[str]) -> Any:
    """Plain data with the next payload for every text, and at the front of every name, that a record leaves free."""
    if isinstance(value, dict):
        named = any(isinstance(inner, dict) and isinstance(inner.get("sql"), str) for inner in value.values())
        return {
            next(payloads) + key if named else key: inner if key in FIXED_WORDS else poisoned(inner, payloads)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [poisoned(inner, payloads) for inner in value]
    return next(payloads) if isinstance(value, str) else value


def poisoned_report(*payloads: str) -> Report:
    """A report whose every text is one of the payloads in turn."""
    words = cycle(payloads)
    data = poisoned(report().model_dump(mode="json"), words)
    data["tested"] = [{next(words): next(words), "title": next(words), "sql": next(words), "p_value": None}]
    data["spend"] = {next(words): 1.0}
    return Report.model_validate(data)


def poisoned_traces(*payloads: str) -> list[TraceView]:
    words = cycle(payloads)
    return [TraceView.model_validate(poisoned(view.model_dump(mode="json"), words)) for view in traces()]


def poisoned_loop(*payloads: str) -> LoopSummary:
    return LoopSummary.model_validate(poisoned(loop_summary().model_dump(mode="json"), cycle(payloads)))
