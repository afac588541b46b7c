"""What a conversation leaves out when it is too long, and what stays."""

from hypothesis import given, settings
from hypothesis import strategies as st

from halo_opt.analysis.engine.conversation import SHORT_BYTES, ActionResult, Conversation

CLAIMS = ("root.c1 shown: It fails.", "root.c2 suspected: It waits.")
SIZES = st.sampled_from([20, SHORT_BYTES, SHORT_BYTES + 1, 4_000])
RESULTS = st.lists(st.tuples(st.sampled_from(["sql", "show", "claim", "delegate"]), SIZES), min_size=1, max_size=3)


def conversation(turns: list[list[tuple[str, int]]]) -> Conversation:
    made = Conversation("system", "first", claims=lambda: CLAIMS)
    for turn, results in enumerate(turns):
        answers = [
            ActionResult(f"{place} {tool}", f"{turn}.{place}:".ljust(size, "x"))
            for place, (tool, size) in enumerate(results, 1)
        ]
        made.add(f"reply {turn}", answers)
    return made


@settings(max_examples=40, deadline=None)
@given(turns=st.lists(RESULTS, min_size=1, max_size=6), tokens=st.integers(0, 4_000))
def test_short_answers_stay_while_an_older_long_one_could_be_left_out(
    turns: list[list[tuple[str, int]]], tokens: int
) -> None:
    made = conversation(turns)
    before = list(made.exchanges)
    made.shorten(tokens)
    text = "\n".join(message.content for message in made.messages)
    left = made.exchanges
    dropped = before[: len(before) - len(left)]
    assert made.tokens <= tokens or not left
    assert [old.reply for old in left] == [old.reply for old in before[len(dropped) :]]
    for old in left:
        for result in old.results:
            assert result.is_long or result.in_full in text
    if dropped:
        assert not any(old.has_long for old in left[:-1])
        assert all(claim in text for claim in CLAIMS)
    whole = [old.has_long for old in left if any(result.is_long for result in old.results)]
    assert whole == sorted(whole), "the oldest are left out first"


@settings(max_examples=30, deadline=None)
@given(turns=st.lists(RESULTS, min_size=1, max_size=6), tokens=st.integers(0, 4_000), keep=st.integers(1, 6))
def test_notes_are_made_of_all_that_is_left_out_and_the_newest_turns_stay(
    turns: list[list[tuple[str, int]]], tokens: int, keep: int
) -> None:
    made = conversation(turns)
    before = list(made.exchanges)
    keep = min(keep, len(before))
    lost = made.leave_out_old(keep, tokens)
    assert made.exchanges[-keep:] == before[-keep:]
    assert lost == [old for old in before if old not in made.exchanges]


def test_what_is_left_out_says_its_size_and_how_to_see_it_again() -> None:
    made = conversation([[("sql", 4_000)], [("sql", 20)]])
    made.shorten(200)
    assert made.messages[3].content == (
        "[1 sql]\n(This answer of 4,000 bytes was left out to save room. To see it again, give the same action once "
        "more.)"
    )


def test_claims_and_reports_of_sub_agents_are_not_left_out_for_their_length() -> None:
    made = conversation([[("claim", 4_000), ("delegate", 4_000), ("sql", 4_000)], [("sql", 20)]])
    made.leave_out_old(1, 4_000)
    text = made.messages[3].content
    assert [len(part) > 4_000 for part in text.split("\n\n")] == [True, True, False]
