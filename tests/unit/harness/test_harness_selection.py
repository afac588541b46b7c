"""Which tasks are run: subsets, sites and samples that are the same every time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.envs.base import TaskInfo
from harness.envs.miniwob import tasks
from harness.evaluation.selection import TaskOptions, sampled, select, site_of


def task(name: str, *, usable: bool = True) -> TaskInfo:
    return TaskInfo(id=name, family=site_of(name), horizon=None, usable=usable)


TABLE = [
    task("miniwob.click-test"), task("v2.gomail-1"), task("v2.gomail-2", usable=False), task("v2.gomail-11"),
    task("v2.omnizon-1"), task("v2.dashdish-3"),
]  # fmt: skip
NAMED = {
    "mail": ["gomail"],
    "shopping": ["omnizon", "v2.dashdish-3"],
    "first": ["v2.gomail-1", "v2.omnizon-1"],
    "none": ["zilloft"],
}


def chosen(**options: object) -> list[str]:
    return select(TABLE, TaskOptions(**options), NAMED)  # type: ignore[arg-type]


def test_a_named_subset_holds_sites_and_ids() -> None:
    assert chosen(task_type="mail") == ["v2.gomail-1", "v2.gomail-11"]
    assert chosen(task_type="shopping") == ["v2.omnizon-1", "v2.dashdish-3"]
    assert chosen(task_type="first") == ["v2.gomail-1", "v2.omnizon-1"]


def test_families_and_rules_over_the_table_are_task_types_too() -> None:
    assert len(select(tasks(), TaskOptions(task_type="single"), {})) > 5
    assert chosen(task_type="miniwob") == ["miniwob.click-test"]


def test_sites_narrow_a_task_type() -> None:
    assert chosen(site="omnizon, gomail") == ["v2.gomail-1", "v2.gomail-11", "v2.omnizon-1"]
    assert chosen(task_type="first", site="omnizon") == ["v2.omnizon-1"]


def test_tasks_keep_the_order_that_they_were_named_in() -> None:
    assert chosen(tasks="v2.omnizon-1, v2.gomail-1") == ["v2.omnizon-1", "v2.gomail-1"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task_type": "mial"}, "no task type 'mial'; the nearest is 'mail'"),
        ({"task_type": "none"}, "there is no task or site 'zilloft'"),
        ({"site": "gomial"}, "none of the selected tasks is on site 'gomial'; the nearest is 'gomail'"),
        ({"tasks": "a", "site": "gomail"}, "leave out --task-type and --site"),
        ({"tasks": " , "}, "say which tasks"),
    ],
)
def test_what_cannot_be_chosen_is_said_in_words(options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        chosen(**options)


IDS = st.lists(st.text("abc0123456789-", min_size=1, max_size=6), unique=True, max_size=30)


@given(IDS, st.integers(1, 40), st.integers())
def test_a_sample_is_the_same_every_time_and_in_order(ids: list[str], size: int, seed: int) -> None:
    drawn = sampled(ids, size, seed)
    assert drawn == sampled(ids, size, seed)
    assert len(drawn) == min(size, len(ids))
    assert drawn == [one for one in ids if one in set(drawn)]


@given(IDS, st.integers(1, 40), st.integers())
def test_a_larger_sample_holds_the_smaller_and_the_list_s_order_does_not_matter(
    ids: list[str], size: int, seed: int
) -> None:
    assert set(sampled(ids, size, seed)) <= set(sampled(ids, size + 3, seed))
    assert set(sampled(ids, size, seed)) == set(sampled(ids[::-1], size, seed))


def test_another_seed_draws_others() -> None:
    ids = [f"v2.gomail-{n}" for n in range(21)]
    assert sampled(ids, 5, 0) != sampled(ids, 5, 1)


def test_the_site_is_in_the_id() -> None:
    assert [site_of(one) for one in ("v2.gomail-5", "v2.go-calendar-11", "miniwob.click-test-2")] == [
        "gomail", "go-calendar", "miniwob",
    ]  # fmt: skip
