"""No sentence of an answer is shown before it was held against its evidence."""

from hypothesis import given
from hypothesis import strategies as st

from halo_opt.analysis.claims.figures import NOT_CONFIRMED
from halo_opt.analysis.claims.sentences import Sentences

QUOTE = "the refund was denied because the fare is basic"


def checked(*pieces: str, known: tuple[float, ...] = (42, 0.25), citations: int = 2) -> tuple[list[str], Sentences]:
    shown: list[str] = []
    sentences = Sentences(known=known, citations=citations, quotable=[QUOTE], show=shown.append)
    for piece in pieces:
        sentences.feed(piece)
    sentences.close()
    return shown, sentences


def test_a_sentence_is_shown_when_it_is_over_and_not_before() -> None:
    shown: list[str] = []
    sentences = Sentences(known=[42], citations=1, quotable=[], show=shown.append)
    sentences.feed("Refunds fail in 4")
    sentences.feed("2 attempts [1]")
    assert shown == []
    sentences.feed(". Bec")
    assert shown == ["Refunds fail in 42 attempts [1]."]
    sentences.feed("ause of fares")
    sentences.close()
    assert shown[1:] == [" Because of fares"]
    assert sentences.text == "Refunds fail in 42 attempts [1]. Because of fares"
    assert sentences.corrections == []


def test_a_figure_that_nothing_bears_out_is_struck() -> None:
    shown, sentences = checked("It happens in 43 of 42 attempts, 25 % of all. ")
    assert "".join(shown) == f"It happens in {NOT_CONFIRMED} attempts, 25 % of all. "
    assert sentences.corrections == ["43 of 42 was removed from the text: no checked number supports it"]


def test_a_citation_that_does_not_exist_is_struck_and_the_others_stay() -> None:
    shown, sentences = checked("Fares are the cause [1, 7]. Nothing else is [9].")
    assert "".join(shown) == f"Fares are the cause [1]. Nothing else is {NOT_CONFIRMED}."
    assert sentences.cited == [1]
    assert sentences.corrections == [
        "citation [7] was removed: there is no such evidence",
        "citation [9] was removed: there is no such evidence",
    ]


def test_a_quotation_stands_only_as_it_stands_in_the_evidence() -> None:
    shown, _ = checked(f'It said "{QUOTE}" [1]. ', 'It said "the refund was granted because of 3 errors" [1]. ')
    assert "".join(shown) == f'It said "{QUOTE}" [1]. It said {NOT_CONFIRMED} [1]. '


def test_a_name_in_quotation_marks_is_no_quotation() -> None:
    shown, _ = checked('The tool "cancel_reservation" is called [1]. The "42 rule" and the "43 rule".')
    assert "".join(shown) == (
        f'The tool "cancel_reservation" is called [1]. The "42 rule" and the "{NOT_CONFIRMED} rule".'
    )


def test_a_sentence_that_never_ends_is_not_waited_for() -> None:
    shown: list[str] = []
    sentences = Sentences(known=[], citations=0, quotable=[], show=shown.append)
    sentences.feed("word " * 500)
    assert shown
    sentences.close()
    assert "".join(shown) == "word " * 500


@given(st.text(alphabet='abc 42.5%[1],"!\n—', max_size=200), st.lists(st.integers(1, 12), max_size=40))
def test_how_a_text_is_cut_into_pieces_changes_nothing(text: str, lengths: list[int]) -> None:
    pieces, at = [], 0
    for length in lengths:
        pieces.append(text[at : at + length])
        at += length
    whole, one = checked(text)
    cut, other = checked(*pieces, text[at:])
    assert "".join(whole) == "".join(cut)
    assert one.corrections == other.corrections


@given(st.text(alphabet='ab 0123456789.%[],"\n', max_size=120))
def test_no_figure_and_no_citation_survives_without_evidence(text: str) -> None:
    _, sentences = checked(text, known=(), citations=0)
    assert not [word for word in sentences.text.split() if word.isdigit()]
    assert sentences.cited == []
