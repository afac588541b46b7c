"""What a patch may not say or do so that it helps any task: names of tasks in disguise, and conditions on them."""

import base64
import codecs
import html

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from halo_opt.core.records import AppendText, Edit
from halo_opt.patching.edits import apply_edits
from halo_opt.patching.guard import EditRefused, Forbidden

P, Q, R, Y = "prompts/worker.j2", "prompts/system.j2", "prompts/rules.txt", "prompts/examples.yaml"
WORKER = """\
Goal: {{ goal }}
Page: {{ page }}
{% if history %}{% for line in history %}- {{ line }}
{% endfor %}{% endif %}
{% if mode == "fast" %}Be quick.{% endif %}
{% if steps_left %}{{ steps_left }} steps are left.{% endif %}
"""
FILES = {P: WORKER.encode(), Q: b"You act in a browser.\n", R: b"Be brief.\n", Y: b"- goal: none\n"}
NAME = "fake.task-07"
TASKS = Forbidden(
    task_ids=frozenset({NAME, "miniwob.click-tab", "miniwob.click-checkboxes", "miniwob.login-user", "login", "7"}),
    goals=("Select Ghana from the list of countries and press Submit",),
)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def appends(*edits: tuple[str, str]) -> list[Edit]:
    return [AppendText(path=path, text=text) for path, text in edits]


def refused(*edits: tuple[str, str], forbidden: Forbidden = TASKS) -> str:
    with pytest.raises(EditRefused) as error:
        apply_edits(FILES, appends(*edits), config=None, forbidden=forbidden)
    return str(error.value)


DISGUISES = {
    "en dash": "On fake.task\u201307 click",
    "non-breaking hyphen": "On fake.task\u201107 click",
    "minus sign": "On fake.task\u221207 click",
    "spaces between": "On fake . task - 07 click",
    "last part with a space": "For task 07",
    "last part without a hyphen": "For task07",
    "camel case": "On FakeTask07",
    "underscores": "On fake_task_07",
    "slashes": "On fake/task/07",
    "over two lines": "On fake.task\n-07",
    "full width": "".join(chr(ord(c) + 0xFEE0) for c in NAME),
    "mathematical letters": "".join(chr(ord(c) + 0x1D3B9) if c.isalpha() else c for c in NAME),
    "combining accent": "fa\u0301ke.task-07",
    "accented letter": "f\u00e1ke.task-07",
    "letters around it": "xfake.task-07x",
    "base64": f"x {encoded(NAME)}",
    "base64 of a sentence": encoded(f"On {NAME} click"),
    "base64 twice": encoded(encoded(NAME)),
    "base64 of its end": f"fake.{encoded('task-07')}",
    "base32": base64.b32encode(NAME.encode()).decode(),
    "hex": NAME.encode().hex(),
    "hex with spaces": NAME.encode().hex(" "),
    "hex with prefixes": ", ".join(f"0x{c:02x}" for c in NAME.encode()),
    "quoted-printable": "".join(f"={c:02X}" for c in NAME.encode()),
    "character codes": ", ".join(str(c) for c in NAME.encode()),
    "bits": " ".join(f"{c:08b}" for c in NAME.encode()),
    "digits of another alphabet": "fake.task-\u0660\u0667",
    "letters apart": "f a k e . t a s k - 0 7",
    "syllables": "fa-ke.ta-sk-07",
    "hex escapes": "".join(f"\\x{c:02x}" for c in NAME.encode()),
    "unicode escapes": "".join(f"\\u{ord(c):04x}" for c in NAME),
    "decimal entity": "fake&#46;task&#45;07",
    "entities": "".join(f"&#{ord(c)};" for c in NAME),
    "named entity": "fake&period;task&hyphen;07",
    "percent": "fake%2Etask%2D07",
    "percent throughout": "".join(f"%{ord(c):02x}" for c in NAME),
    "entity of an entity": html.escape("fake&#46;task-07"),
    "reversed": NAME[::-1],
    "rot13": codecs.encode(NAME, "rot13"),
    "adjacent strings": "{{ 'fake.ta' 'sk-07' }}",
    "two outputs": "{{ 'fake.ta' }}{{ 'sk-07' }}",
    "a comment between": "fake.ta{# no #}sk-07",
    "a filter between": "{{ 'fake.ta'|trim }}{{ 'sk-07'|lower }}",
    "strings added": "'fake' + '.ta' + 'sk-07'",
    "two words apart": "If it says fake.ta and then sk-07",
    "words of an id joined": "clickTab helps",
    "words of an id with a dash": "click\u2013tab helps",
    "words of an id with spaces behind task": "for the task click tab",
    "whole id with spaces": "miniwob click tab",
    "one word behind task": "the task login",
    "a number behind task": "Task #7",
}


@pytest.mark.parametrize("text", DISGUISES.values(), ids=DISGUISES)
def test_a_task_is_not_named_in_disguise(text: str) -> None:
    assert "names the task" in (message := refused((P, text))) or "name the task" in message


def test_look_alike_letters_are_refused() -> None:
    assert "several alphabets" in refused((P, "On f\u0430ke.task-07 click"))


def test_a_name_of_look_alike_letters_alone_is_refused() -> None:
    forbidden = Forbidden(task_ids=frozenset({"cape-1"}))
    assert "names the task" in refused((P, "On \u0441\u0430\u0440\u0435-1"), forbidden=forbidden)


@pytest.mark.parametrize("places", [(P, P), (P, Q), (P, R), (R, Q)], ids=str)
def test_halves_of_a_name_in_two_edits_are_refused(places: tuple[str, str]) -> None:
    assert NAME in refused((places[0], "When you see fake.ta, stop"), (places[1], "sk-07 is next"))


def test_thirds_of_a_name_in_three_files_are_refused() -> None:
    assert NAME in refused((Q, "Ofa"), (R, "ke.ta"), (P, "sk-07"))


def test_words_copied_in_two_edits_are_refused() -> None:
    halves = (R, "Select Ghana from the"), (R, "list of countries and press")
    assert "copies words" in refused(*halves)


COPIES = {
    "base64": encoded("Select Ghana from the list of countries and press Submit"),
    "accents": "S\u00e9lect Gh\u00e0na from the list \u00f6f countries and pr\u00e8ss",
    "look-alikes": "Select Ghana from the list \u043e\u0192 countries and press",
}


@pytest.mark.parametrize("text", COPIES.values(), ids=COPIES)
def test_a_goal_copied_in_disguise_is_refused(text: str) -> None:
    assert refused((R, text))


CONDITIONS = {
    "length of the goal": "{% if 'checkbox' in goal and goal|length == 41 %}answer{% endif %}",
    "is there a goal": "{% if goal %}x{% endif %}",
    "negated": "{% if not page is none %}x{% endif %}",
    "elif": "{% if history %}x{% elif 'a' in page %}y{% endif %}",
    "choice": "{{ 'a' if 'x' in goal else 'b' }}",
    "and": "{{ goal == 'x' and 'y' }}",
    "loop over it": "{% for letter in goal %}{{ letter }}{% endfor %}",
    "filtered loop": "{% for line in history if line in page %}{{ line }}{% endfor %}",
    "first letter": "{{ goal|first }}",
    "length": "{{ page|length }}",
    "test": "{{ goal|lower is string }}",
    "words in the history": "{% if 'a' in history %}x{% endif %}",
    "length of the words in the history": "{% if history|join|length == 41 %}x{% endif %}",
    "length of a line": "{% for line in history %}{% if line|length == 7 %}x{% endif %}{% endfor %}",
    "words in a line": "{% for line in history %}{% if line == 'click 3' %}x{% endif %}{% endfor %}",
}


@pytest.mark.parametrize("text", CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_that_can_pick_out_a_task_is_refused(text: str) -> None:
    assert "can pick out single tasks" in refused((P, text))


@pytest.mark.parametrize("path", [R, Y])
def test_a_condition_in_a_text_that_is_no_template_by_name_is_refused(path: str) -> None:
    assert "can pick out single tasks" in refused((path, "# {% if goal|length == 41 %}x{% endif %}"))


@pytest.mark.parametrize(
    "text", ["{{ goal[3] }}", "{% set x = goal %}", "{{ {'a': 1}[goal] }}", "{{ goal.index('a') }}"]
)
def test_an_expression_that_picks_by_the_goal_is_refused(text: str) -> None:
    assert "template constructs" in refused((P, text))


def test_a_condition_that_loop_yaml_allows_is_taken() -> None:
    allowed = TASKS.model_copy(update={"conditions_on": frozenset({"page"})})
    edit = appends((P, "{% if 'dialog' in page %}Close the dialog first.{% endif %}"))
    assert apply_edits(FILES, edit, config=None, forbidden=allowed)[P] != FILES[P]


def test_a_condition_that_was_there_may_move() -> None:
    files = {P: b"{% if goal %}G: {{ goal }}{% endif %}\nOne.\n"}
    assert apply_edits(files, appends((P, "Two.")), config=None, forbidden=TASKS)[P].endswith(b"Two.\n")


GOOD = [
    "Click the tab before you click link 7.",
    "Use login to enter the site. Step 7 of 10.",
    "Click the checkboxes that the goal names; log in the user when asked.",
    "The task is to reach the goal.",
    "{{ goal|trim }}",
    "{% if history|length > 3 %}Do not repeat yourself.{% endif %}",
    "{% if steps_left < 3 %}Finish now.{% endif %}",
    "{% if mode == 'careful' %}Take your time.{% endif %}",
    "{{ history|join(', ') }}",
    "Réponds en français. Ответь по-русски.",
    "Widths are in μm.",
    "The sizes 10, 12, 14, 16, 18 and 24 are offered.",
    "Ask for fake data; tasks 06 and 08 do not matter.",
    'Reply as {"action": "click", "target": 3}.',
]


@pytest.mark.parametrize("text", GOOD)
def test_an_honest_edit_is_taken(text: str) -> None:
    assert apply_edits(FILES, appends((P, text)), config=None, forbidden=TASKS)[P] != FILES[P]


@pytest.mark.parametrize("text", ['Example: {{"url": "page 1", "if": 1}}', "{{ goal | trim }}"])
def test_braces_that_choose_nothing_are_taken_in_any_text(text: str) -> None:
    assert apply_edits(FILES, appends((R, text)), config=None, forbidden=TASKS)[R] != FILES[R]


GROWING = {
    "one filter many times": "{{ page" + "|tojson" * 40 + " }}",
    "twice": "{{ page|tojson|tojson }}",
    "join of join": "{{ page|join('xx')|join('yy') }}",
    "joined by the page": "{{ history|join(page) }}",
    "joined by much": "{{ history|join('" + "x" * 300 + "') }}",
    "many filters": "{{ page" + "|trim" * 20 + " }}",
    "deep brackets": "{{ " + "(" * 2500 + "goal" + ")" * 2500 + " }}",
    "deep choices": "{{ " + "not " * 1400 + "history }}",
}


@pytest.mark.parametrize("text", GROWING.values(), ids=GROWING)
def test_an_expression_that_could_grow_without_bound_is_refused(text: str) -> None:
    assert refused((P, text)).isprintable()


@given(st.sampled_from(sorted(DISGUISES)), st.sampled_from(GOOD[:4]), st.integers(0, 3))
def test_a_disguise_is_seen_anywhere_in_a_text(kind: str, around: str, place: int) -> None:
    words = around.split(" ")
    text = " ".join([*words[:place], DISGUISES[kind], *words[place:]])
    assert refused((P, text))


@given(st.text(max_size=60))
@example("{{ " * 30)
@example("{% if " + "(" * 500)
@example("%u&#x110000;\\U99999999\\x")
def test_any_text_is_taken_or_refused_with_a_sentence(text: str) -> None:
    try:
        apply_edits(FILES, appends((P, text), (R, text)), config=None, forbidden=TASKS)
    except EditRefused as error:
        assert "\n" not in str(error)
