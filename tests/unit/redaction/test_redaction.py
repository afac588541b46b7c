"""Secrets are taken out of any text that holds them, ordinary text stays as it is, and JSON stays JSON."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redaction_samples import ABOUT_SECRETS, NAMED, ORDINARY, SECRETS

from halo_opt.redaction import RedactionRules, Redactor, redact

REPOSITORY = Path(__file__).parents[3]
KNOWN = 'a"Pass/word+for ünit\\tests9'
PLAIN = "c0rrect-h0rse-battery"
everything = Redactor(RedactionRules(environment=False, personal=True, known=(KNOWN, PLAIN)))

secrets = st.sampled_from([*SECRETS.values(), *(text.format(value) for _, value, text in NAMED), KNOWN, PLAIN])
words = st.text(max_size=12) | st.sampled_from(
    ["password: ", "token=", '"', "\\", "\n", "Bearer ", "://a:", "@b", " ", ORDINARY[3]]
)
texts = st.lists(secrets | words, max_size=8).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts | st.just(4111111111111111),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", "my key is {}, keep it", "KEY={}", '{{"a": "{}"}}', "line\\n{}\\nline", "({})"]
)
def test_provider_tokens_are_replaced_and_what_stands_around_them_stays(kind, around):
    clean, counts = redact(around.format(SECRETS[kind]))
    assert clean == around.format(f"[redacted:{kind}]")
    assert counts == {kind: 1}


@pytest.mark.parametrize(("kind", "secret", "text"), NAMED)
def test_secrets_are_told_by_the_name_before_them(kind, secret, text):
    clean, counts = redact(text.format(secret))
    assert secret not in clean
    assert counts[kind] == 1
    assert clean.startswith(text.split("{}")[0].format())


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text):
    assert redact(text) == (text, {})


@pytest.mark.parametrize("text", ABOUT_SECRETS.strip().splitlines())
def test_texts_about_secrets_stay_as_they_are(text):
    assert redact(text) == (text, {})


def test_texts_about_secrets_stay_as_they_are_in_one_text():
    assert redact(ABOUT_SECRETS) == (ABOUT_SECRETS, {})


def test_a_password_that_is_a_number_in_json_becomes_a_string():
    clean, counts = redact('{"user": "bob", "password": 84739201}')
    assert clean == '{"user": "bob", "password": "[redacted:password]"}'
    assert counts == {"password": 1}


def test_a_password_that_is_a_number_in_json_within_json_becomes_a_string():
    clean, _ = redact(json.dumps({"body": json.dumps({"password": 84739201})}))
    assert json.loads(json.loads(clean)["body"]) == {"password": "[redacted:password]"}


EXACT = ["aws-key", "github-token", "npm-token", "google-key", "huggingface-token"]
JOINS = ["\n", "\r\n", "\n    ", "\\n", " ", '" "', '" + "', "\\\n"]


@pytest.mark.parametrize("join", JOINS, ids=ascii)
@pytest.mark.parametrize("kind", EXACT)
def test_a_token_in_two_pieces_goes_whole(kind, join):
    token = SECRETS[kind]
    clean, counts = redact(f"see {token[:12]}{join}{token[12:]} there")
    assert (clean, counts) == ("see [redacted:broken-token] there", {"broken-token": 1})


@given(st.sampled_from(EXACT), st.integers(8, 30), st.sampled_from(["\n", " ", "\n  "]))
def test_a_token_broken_anywhere_leaves_nothing(kind, place, join):
    token = SECRETS[kind]
    at = min(place, len(token) - 6)
    clean, _ = redact(token[:at] + join + token[at:])
    assert token[at:] not in clean


@pytest.mark.parametrize(
    "kind", [*EXACT[:-1], "anthropic-key", "stripe-key", "gitlab-token", "slack-token", "private-key"]
)
@pytest.mark.parametrize("before", ["", "x:", "xy=", "key: ", "line\n"])
def test_base64_around_a_token_goes_whole(kind, before):
    encoded = base64.b64encode(f"{before}{SECRETS[kind]}\n".encode()).decode()
    assert redact(f"data: {encoded} end") == ("data: [redacted:encoded-secret] end", {"encoded-secret": 1})


def test_base64_over_several_lines_goes_whole():
    encoded = base64.encodebytes(("x " * 20 + SECRETS["github-token"] + " y" * 45).encode()).decode()
    assert redact(encoded)[0].startswith("[redacted:encoded-secret]")
    assert len(redact(encoded)[0]) < 60


def test_a_picture_in_base64_stays():
    picture = base64.b64encode(bytes(range(256)) * 4000).decode()
    assert redact(picture) == (picture, {})


def test_this_repository_holds_nothing_that_looks_secret():
    # Tests write made-up passwords on purpose; sources and sample traces do not.
    files = [*REPOSITORY.glob("halo_opt/**/*.py"), *REPOSITORY.glob("tests/data/**/*.json*")]
    assert len(files) > 50
    found = {str(path): counts for path in files if (counts := redact(path.read_text(encoding="utf-8"))[1])}
    assert found == {}


def test_long_secrets_go_whole():
    clean, _ = redact(f"api_key={'a1b2C3d4E5f6G7h8' * 40} and sk-{'a1b2C3d4E5f6G7h8' * 40}.")
    assert clean == "api_key=[redacted:assigned-secret] and [redacted:openai-key]."


def test_private_key_without_its_end_goes_as_far_as_it_looks_like_one():
    head = "-----BEGIN PRIV" + "ATE KEY-----"
    clean, _ = redact(f"{head}\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\nBKcwggSj... is how such a key begins")
    assert clean.startswith("[redacted:private-key]")
    assert clean.endswith("... is how such a key begins")


@pytest.mark.parametrize(
    "spell",
    [
        str,
        lambda s: s[::-1],
        lambda s: quote(s, safe=""),
        lambda s: "".join(f"%{byte:02X}" for byte in s.encode()),
        lambda s: s.encode().hex(),
        lambda s: s.encode().hex().upper(),
        lambda s: base64.b64encode(s.encode()).decode(),
        lambda s: base64.b64encode(f"user:{s}:x".encode()).decode(),
        lambda s: base64.urlsafe_b64encode(f"ab{s}".encode()).decode(),
        json.dumps,
        lambda s: json.dumps({"arguments": json.dumps({"value": s})}),
        "\u200b".join,
        "\n".join,
        lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    ],
)
@pytest.mark.parametrize("value", [KNOWN, PLAIN])
def test_known_values_are_found_in_every_spelling(spell, value):
    clean, counts = everything.redact(f"see {spell(value)} there")
    assert counts["known-value"] == 1
    assert value[4:12] not in clean
    assert clean.startswith("see ")
    assert clean.endswith(" there")


def test_values_of_secretly_named_variables_are_known(monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", "plain words 7")
    monkeypatch.setenv("ACME_KEY", "short")
    monkeypatch.setenv("ACME_NAME", "no-secret-at-all")
    clean, counts = Redactor().redact("plain words 7, short, no-secret-at-all")
    assert clean == "[redacted:known-value], short, no-secret-at-all"
    assert counts == {"known-value": 1}
    assert Redactor(RedactionRules(environment=False)).redact("plain words 7")[1] == {}


def test_personal_data_goes_only_on_request():
    text = "ann.b+c@mail.example.org paid with 4111 1111 1111 1111 or 378282246310005"
    assert redact(text) == (text, {})
    assert everything.redact(text) == (
        "[redacted:email] paid with [redacted:card-number] or [redacted:card-number]",
        {"email": 1, "card-number": 2},
    )


@pytest.mark.parametrize("text", ["4111 1111 1111 1112", "1762387200000000000", "user@localhost", "@app.route"])
def test_other_numbers_and_signs_are_not_personal(text):
    assert everything.redact(text) == (text, {})


def test_number_in_json_becomes_a_string_that_says_so():
    clean, counts = everything.redact('{"card": 4111111111111111, "n": 1.50, "name": "a\\u0041"}')
    assert clean == '{"card": "[redacted:card-number]", "n": 1.50, "name": "a\\u0041"}'
    assert counts == {"card-number": 1}


@given(texts)
def test_redacting_twice_changes_nothing_more(text):
    clean, _ = everything.redact(text)
    assert everything.redact(clean) == (clean, {})


@given(values, st.booleans())
def test_json_stays_json_of_the_same_shape(value, plain):
    text = json.dumps(value, ensure_ascii=plain)
    [clean] = json.loads(everything.redact(f"[{text}]")[0])
    assert type(clean) is type(value) or value == 4111111111111111
    if isinstance(value, list):
        assert len(clean) == len(value)


@given(texts, texts, secrets)
def test_no_secret_survives_whatever_stands_around_it(before, after, secret):
    clean, counts = everything.redact(f"{before} {secret} {after}")
    assert counts.total() >= 1
    assert f" {secret} " not in clean


@pytest.mark.parametrize(
    "piece", ["token=", "-eyJaaaaaaaa-", "password: ", "sk-", "-----BEGIN PRIV" + "ATE KEY-----\n", "://a:", "a@"]
)
def test_repetitions_are_no_trap(piece):
    text = piece * (40_000 // len(piece))
    clean, _ = everything.redact(text)
    assert everything.redact(clean)[0] == clean


def test_many_tokens_glued_together_all_go():
    clean, counts = redact(SECRETS["airtable-token"] * 200)
    assert clean == "[redacted:airtable-token]" * 16 + "[redacted:tokens]"
    assert counts.total() == 17
