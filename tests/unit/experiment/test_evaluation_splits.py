import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.core.config import SplitConfig, SplitsConfig
from halo_opt.core.errors import ConfigError
from halo_opt.experiment.splits import Split, make_splits, repeat

sizes = st.builds(SplitConfig, tasks=st.integers(1, 8), seeds=st.integers(1, 5))


@given(train=sizes, gate=sizes, sealed=sizes, seed=st.integers(0, 999), order=st.randoms())
def test_splits_share_no_task_and_no_seed_and_ignore_the_order_of_tasks(train, gate, sealed, seed, order) -> None:
    tasks = [f"t-{number}" for number in range(30)]
    config = SplitsConfig(train=train, gate=gate, sealed=sealed, shuffle_seed=seed)
    splits = make_splits(tasks, config)
    order.shuffle(tasks)
    assert make_splits(tasks, config) == splits
    for one in Split:
        for other in Split:
            if one is not other:
                assert not {k.task_id for k in splits[one]} & {k.task_id for k in splits[other]}
                assert not {k.seed for k in splits[one]} & {k.seed for k in splits[other]}
    assert len(splits[Split.GATE]) == len(set(splits[Split.GATE])) == gate.tasks * gate.seeds


def test_too_few_tasks_and_repeated_tasks_are_refused() -> None:
    size = SplitConfig(tasks=2, seeds=1)
    config = SplitsConfig(train=size, gate=size, sealed=size)
    with pytest.raises(ConfigError, match="ask for 6 tasks and there are 5"):
        make_splits(["a", "b", "c", "d", "e"], config)
    with pytest.raises(ConfigError, match="a is listed twice"):
        make_splits(["a", "a", "b", "c", "d", "e"], config)


def test_named_tasks_go_where_they_are_named_and_are_not_drawn_elsewhere() -> None:
    named = SplitConfig(tasks=["d", "a"], seeds=2)
    config = SplitsConfig(train=named, gate=SplitConfig(tasks=2, seeds=1), sealed=SplitConfig(tasks=2, seeds=1))
    splits = make_splits(["a", "b", "c", "d", "e", "f"], config)
    assert [key.task_id for key in splits[Split.TRAIN]] == ["d", "a", "d", "a"]
    assert sorted(k.task_id for s in (Split.GATE, Split.SEALED) for k in splits[s]) == ["b", "c", "e", "f"]


@pytest.mark.parametrize(
    ("train", "gate", "words"),
    [
        (["a", "x"], 1, "splits.train.tasks: x is not among the loop's tasks"),
        (["a"], ["b", "a"], "splits.gate.tasks: a is named twice in the splits"),
        (["a", "b"], 2, "ask for 3 tasks and there are 2"),
    ],
)
def test_named_tasks_that_cannot_be_had_are_refused(train, gate, words) -> None:
    one = SplitConfig(tasks=1, seeds=1)
    config = SplitsConfig(train=SplitConfig(tasks=train, seeds=1), gate=SplitConfig(tasks=gate, seeds=1), sealed=one)
    with pytest.raises(ConfigError, match=words):
        make_splits(["a", "b", "c", "d"], config)


def test_a_repeat_keeps_task_and_seed() -> None:
    size = SplitConfig(tasks=1, seeds=2)
    keys = make_splits(["a", "b", "c"], SplitsConfig(train=size, gate=size, sealed=size))[Split.GATE]
    again = repeat(keys, 3)
    assert [(k.task_id, k.seed) for k in again] == [(k.task_id, k.seed) for k in keys]
    assert {k.attempt for k in again} == {3}
