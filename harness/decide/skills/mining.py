"""Mines macro skills from span files: step sequences that successful attempts share, with the goal's values masked.

A file that is not a whole attempt is skipped.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from harness.decide.cache.template import Template, mask_values, template_of
from harness.decide.skills.mined import MinedSkill, MinedStep
from harness.observe.volatile import site_of

LONGEST = 12
ROLE_AND_LABEL = re.compile(r'(\w+) "(.*)"', re.DOTALL)
MINED_ACTIONS = frozenset({"click", "fill", "select"})


class SeenStep(NamedTuple):
    """A step of an attempt: where it was made, on what kind of page, and what it was."""

    site: str
    page_type: str
    step: MinedStep


class SeenAttempt(NamedTuple):
    """A successful attempt: its task, its goal's template, its steps (None where one cannot be repeated)."""

    task: str
    template: Template
    steps: list[SeenStep | None]


def span_files(places: Sequence[Path]) -> Iterator[Path]:
    """The span files below the places: run folders or files."""
    for place in places:
        yield from [place] if place.is_file() else sorted(place.rglob("*__attempt_*.jsonl"))


def _spans(path: Path) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            data = json.loads(line)
        except ValueError:
            continue
        if isinstance(data, dict) and isinstance(data.get("attributes"), dict):
            out.append(data)
    return out


def environment_of(task: str) -> str:
    """The name of the benchmark that a task id belongs to."""
    return "miniwob" if task.startswith("miniwob.") else "real"


def read_attempt(path: Path) -> SeenAttempt | None:
    """The attempt of a span file, or None where it did not succeed or was not written by this harness."""
    spans = _spans(path)
    root = next((s for s in spans if s.get("parent_span_id") == ""), None)
    if root is None or root["attributes"].get("halo.outcome") != "success":
        return None
    goal = str(root["attributes"].get("halo.goal") or "")
    task = str(root.get("resource", {}).get("attributes", {}).get("halo.task_id") or "")
    tools = {s.get("parent_span_id"): s["attributes"] for s in spans if "tool.name" in s["attributes"]}
    steps = sorted(
        (s for s in spans if isinstance(s["attributes"].get("halo.step.index"), int)),
        key=lambda s: s["attributes"]["halo.step.index"],
    )
    template = template_of(goal)
    seen = [_seen(s["attributes"], tools.get(s.get("span_id"), {}), template, task) for s in steps]
    return SeenAttempt(task, template, seen)


def _seen(attributes: dict[str, Any], tool: dict[str, Any], template: Template, task: str) -> SeenStep | None:
    """A step that worked and can be repeated; else None, and no routine spans such a step."""
    target = ROLE_AND_LABEL.fullmatch(str(tool.get("halo.action.target") or ""))
    failed = attributes.get("halo.action.error_type") or attributes.get("halo.page.changed") is not True
    if failed or target is None or tool.get("tool.name") not in MINED_ACTIONS or not attributes.get("halo.page.url"):
        return None
    try:
        text = json.loads(str(tool.get("tool.parameters") or "{}")).get("text")
        step = MinedStep.model_validate(
            {
                "action": tool["tool.name"],
                "role": target.group(1),
                "label": mask_values(target.group(2), template.values, exact=False),
                "text": None if text is None else mask_values(str(text), template.values, exact=True),
            }
        )
    except (ValueError, AttributeError, ValidationError):
        return None
    site = site_of(environment_of(task), str(attributes["halo.page.url"]))
    return SeenStep(site, str(attributes.get("halo.page.type") or "other"), step)


def _stretches(steps: Sequence[SeenStep | None]) -> Iterator[tuple[SeenStep, ...]]:
    """Every run of two or more repeatable steps in a row."""
    for start in range(len(steps)):
        run: list[SeenStep] = []
        for step in steps[start : start + LONGEST]:
            if step is None:
                break
            run.append(step)
            if len(run) >= 2:
                yield tuple(run)


# Site, goal template, steps.
RoutineKey = tuple[str, str, tuple[MinedStep, ...]]


def mine(places: Sequence[Path], *, min_support: int = 2) -> list[MinedSkill]:
    """Routines that at least `min_support` successful attempts have in common, longest first.

    A part of a longer routine is left out unless more attempts have it than the whole, and so is what was only
    ever done for one set of goal values: its texts may be the answer for those values alone.
    """
    attempts = [a for a in map(read_attempt, span_files(places)) if a is not None]
    support: dict[RoutineKey, set[int]] = defaultdict(set)
    kinds: dict[RoutineKey, set[str]] = defaultdict(set)
    for number, attempt in enumerate(attempts):
        for run in _stretches(attempt.steps):
            key = (run[0].site, attempt.template.text, tuple(s.step for s in run))
            support[key].add(number)
            kinds[key].add(run[0].page_type)
    kept: list[RoutineKey] = []
    for key in sorted(support, key=lambda k: (-len(k[2]), k[0], k[1], str(k[2]))):
        site, template, steps = key
        values = {attempts[n].template.values for n in support[key]}
        if len(support[key]) < min_support or (values != {()} and len(values) < 2):
            continue
        whole = (k for k in kept if k[1] == template and _within(steps, k[2]))
        if not any(len(support[k]) >= len(support[key]) for k in whole):
            kept.append((site, template, steps))
    skills = []
    for number, key in enumerate(kept, start=1):
        tasks = [attempts[index].task for index in support[key]]
        skills.append(_skill(number, key, kinds[key], tasks))
    return skills


def _within(part: tuple[MinedStep, ...], whole: tuple[MinedStep, ...]) -> bool:
    return any(whole[n : n + len(part)] == part for n in range(len(whole) - len(part) + 1))


def _skill(number: int, key: RoutineKey, kinds: Iterable[str], tasks: Sequence[str]) -> MinedSkill:
    site, template, steps = key
    slug = "_".join(re.findall(r"[a-z]+", re.sub(r"<\w+>", "", template).lower())[:5])
    return MinedSkill(
        name=f"mined_{number}_{slug}"[:80].rstrip("_"),
        site=site,
        template=template,
        page_types=sorted(kinds),
        steps=list(steps),
        support=len(tasks),
        tasks=len(set(tasks)),
    )
