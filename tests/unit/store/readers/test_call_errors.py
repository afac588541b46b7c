"""What the results of tools of many kinds say of errors, and what only looks like an error."""

import pytest
from call_content_samples import FINE
from call_error_samples import ERRORS, TRACEBACK, UNREADABLE

from halo_opt.store.readers.call_errors import call_error, command_of, reply_error


@pytest.mark.parametrize(("tool", "arguments", "result", "kind", "words"), ERRORS)
def test_errors_are_known_by_their_words(tool, arguments, result, kind, words):
    found = call_error(tool, arguments, result)
    assert found is not None
    assert (found.error_type, found.message[: len(words)]) == (kind, words)


@pytest.mark.parametrize(("tool", "arguments", "result"), FINE)
def test_what_only_looks_like_an_error_is_none(tool, arguments, result):
    assert call_error(tool, arguments, result) is None


@pytest.mark.parametrize("answer", UNREADABLE)
def test_a_harness_says_that_it_could_not_use_a_reply(answer):
    found = reply_error(answer)
    assert found is not None
    assert (found.error_type, found.message) == ("format", answer)


@pytest.mark.parametrize("answer", ["Thanks, please continue.", "Here is the error: 7", "", None])
def test_an_answer_of_a_user_is_no_error(answer):
    assert reply_error(answer) is None


def test_a_failed_call_without_words_gets_a_sentence():
    assert call_error("pay", "{}", "", failed=True) == ("tool_error", "the call failed and gave no message")


def test_a_failed_call_has_its_result_as_message():
    assert call_error("pay", "{}", "card declined", failed=True) == ("tool_error", "card declined")


def test_an_exit_status_of_its_own_field_counts():
    assert call_error("bash", "make", "no rule", status=2) == ("tool_error", "no rule")


def test_a_search_without_a_match_answers_by_its_status():
    assert call_error("bash", "grep x a.txt", "", failed=True) is None


def test_a_traceback_of_a_command_that_went_well_is_its_output():
    assert call_error("bash", "python show_log.py", f"log:\n{TRACEBACK}", failed=False) is None


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ("ls", "ls"),
        ('{"command": "ls"}', "ls"),
        ('{"cmd": ["bash", "-lc", "ls -l"]}', "ls -l"),
        ('["ls", "-l"]', "ls -l"),
        ("bash -lc 'ls -l'", "ls -l"),
        ('{"command": ', '{"command":'),
        (None, ""),
    ],
)
def test_the_command_in_arguments_of_many_forms(arguments, command):
    assert command_of(arguments) == command
