r"""What keys, tokens and passwords look like, from the formats that their providers publish. Data only.

RE2 syntax over UTF-8 bytes. Each pattern has exactly one group, the secret; it can hold neither a quote nor a
backslash, so that a JSON string around it stays one, nor a bracket, so that `[redacted:...]` is not found again. Time
stays linear because what may fail late is bounded in length: a pattern with a check, whose `more` is what a secret that
passed goes on with, and all that comes before the last part of a pattern.
"""

from collections.abc import Callable
from typing import NamedTuple

from halo_opt.redaction import checks

# Before a token: no letter or digit. In JSON text a line break is the letter n after a backslash, which is no letter.
_FRONT = r"(?:^|[^0-9A-Za-z]|\\[bfnrt]|\\u[0-9a-fA-F]{4}|%[0-9A-F]{2})"
_END = r"(?:[^0-9A-Za-z]|$)"
# A quote as it stands in text, in JSON text, and in JSON text inside JSON text.
_QUOTE = r"\\*[\"'`]"
_PLAIN = r"[0-9A-Za-z_./+=~!@#$%^*?:|-]"
_QUOTED = r"[^\s\"'\\`\[\]<>{}]"
_NAMED = (
    r"(?i:(?:api|access|auth|secret|private|signing|encryption|master|client|account|storage|shared|subscription|app"
    r"|service|deploy|webhook)[_.-]?(?:access[_.-]?)?key|token|secret|passphrase|credential)"
)
_PASSWORD = r"(?i:password|passwd|passcode|pwd)"
_IS = r"[ \t]*(?::=|=>|[:=])[ \t]*"


class Pattern(NamedTuple):
    """One kind of secret: the RE2 text that finds it and what decides whether a find is meant."""

    kind: str
    regex: str
    check: Callable[[str], bool] | None = None
    more: str | None = None


def _token(kind: str, regex: str, check: Callable[[str], bool] | None = None, more: str | None = None) -> Pattern:
    return Pattern(kind, f"{_FRONT}({regex})", check, more)


def _whole(kind: str, regex: str) -> Pattern:
    """A token of exactly this length: more letters or digits behind it would make it another thing."""
    return Pattern(kind, f"{_FRONT}({regex}){_END}")


def _assigned(kind: str, name: str, check: Callable[[str], bool], least: int) -> list[Pattern]:
    """`name = value`, `"name": "value"`, `--name value`. A quoted name asks for a quoted value, or JSON would break."""
    return [
        Pattern(kind, f"{name}(?:{_QUOTE})?\\]?{_IS}{_QUOTE}({_QUOTED}{{{least},64}})", check, f"{_QUOTED}*"),
        Pattern(kind, f"{name}{_IS}({_PLAIN}{{{least},64}})", check, f"{_PLAIN}*"),
        Pattern(kind, f"--?[a-z-]{{0,20}}{name}[ \\t]+({_PLAIN}{{{least},64}})", check, f"{_PLAIN}*"),
    ]


_WORD = r"[0-9A-Za-z_-]"

# What is redacted always. Of patterns that begin at the same place the first one counts.
SECRETS: list[Pattern] = [
    Pattern(
        "private-key",
        r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:[0-9A-Za-z+/=:,.()@ \t\r\n]|-[0-9A-Za-z]|\\+[nrt])*-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"|(?:[ \t\r\n]|\\+[nrt]|[0-9A-Za-z+/=]{16})*))",
    ),
    _token("anthropic-key", rf"sk-ant-[a-z]{{1,12}}[0-9]{{0,3}}-{_WORD}{{20,}}"),
    _token("openai-key", rf"sk-{_WORD}{{20,64}}", checks.has_random_run, f"{_WORD}*"),
    _whole("aws-key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    _token("aws-session-token", r"(?:FwoGZXIvYXdz|IQoJb3JpZ2luX2)[0-9A-Za-z/+=]{50,}"),
    _token("google-key", rf"AIza{_WORD}{{35,}}|ya29\.{_WORD}{{20,}}|GOCSPX-{_WORD}{{28,}}|1//0{_WORD}{{40,}}"),
    Pattern("azure-key", r"(?:AccountKey|SharedAccessKey)=([0-9A-Za-z+/]{40,}={0,2})"),
    Pattern("azure-key", r"[?&]sig=((?:[0-9A-Za-z+/=]|%[0-9A-Fa-f]{2}){40,})"),
    _token("azure-key", r"[0-9A-Za-z_~.-]{3}[0-9]Q~[0-9A-Za-z_~.-]{31,}"),
    Pattern("azure-key", r"([0-9A-Za-z]{40,60}JQQJ9[9D][0-9A-Za-z]{20,})"),
    _token("github-token", r"gh[oprsu]_[0-9A-Za-z_]{36,}|github_pat_[0-9A-Za-z_]{22,}"),
    _token("gitlab-token", r"gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rtr?|soat|wt)-[.0-9A-Za-z_-]{20,}"),
    _token("slack-token", r"xox[abeoprs](?:\.xox[bp])?-[0-9A-Za-z-]{10,}|xapp-[0-9]-[0-9A-Za-z-]{20,}"),
    Pattern("slack-webhook", r"hooks\.slack\.com/(?:services|triggers|workflows)/([0-9A-Za-z/+_-]{20,})"),
    Pattern("discord-webhook", rf"discord(?:app)?\.com/api/webhooks/[0-9]{{15,20}}/({_WORD}{{50,}})"),
    _token("telegram-token", rf"[0-9]{{8,10}}:AA{_WORD}{{33,}}"),
    _token("stripe-key", r"[rs]k_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[0-9A-Za-z+/=]{32,}"),
    _token("huggingface-token", r"hf_[0-9A-Za-z]{30,}|api_org_[0-9A-Za-z]{30,}"),
    _token("npm-token", r"npm_[0-9A-Za-z]{36,}"),
    _token("pypi-token", rf"pypi-Ag{_WORD}{{50,}}"),
    _token("sendgrid-key", rf"SG\.{_WORD}{{16,32}}\.{_WORD}{{16,}}"),
    _whole("twilio-key", r"SK[0-9a-f]{32}"),
    _whole("mailgun-key", r"key-[0-9a-f]{32}"),
    _token("model-provider-key", r"(?:gsk_|pplx-)[0-9A-Za-z]{40,}|xai-[0-9A-Za-z]{60,}|r8_[0-9A-Za-z]{37,}"),
    _token("langsmith-key", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}|ls__[0-9a-f]{32}"),
    _whole("databricks-token", r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    _token("digitalocean-token", r"do[opr]_v1_[0-9a-f]{64}"),
    _token("shopify-token", r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}"),
    _token("square-token", rf"sq0[a-z]{{3}}-{_WORD}{{22,}}"),
    _token("atlassian-token", r"ATATT3[0-9A-Za-z_=-]{50,}"),
    _token("docker-token", rf"dckr_pat_{_WORD}{{20,}}"),
    _token("vault-token", rf"hv[bs]\.{_WORD}{{24,}}"),
    _token("notion-token", r"ntn_[0-9A-Za-z]{40,}|secret_[0-9A-Za-z]{43,}"),
    _token("linear-key", r"lin_(?:api|oauth)_[0-9A-Za-z]{32,}"),
    _token("airtable-token", r"pat[0-9A-Za-z]{14}\.[0-9a-f]{64}"),
    _token("grafana-token", r"glsa_[0-9A-Za-z]{32}_[0-9A-Fa-f]{8}|glc_[0-9A-Za-z+/=]{32,}"),
    _token("new-relic-key", r"NRAK-[0-9A-Z]{27}"),
    _token("sentry-token", r"sntry[su]_[0-9A-Za-z+/=_-]{40,}"),
    _token("supabase-key", rf"sbp_[0-9a-f]{{40}}|sb_secret_{_WORD}{{20,}}"),
    _token("planetscale-token", r"pscale_(?:oauth|pw|tkn)_[0-9A-Za-z_.-]{32,}"),
    _token("doppler-token", r"dp\.(?:audit|ct|pt|sa|scim|st)\.[0-9A-Za-z._-]{30,}"),
    _token("rubygems-key", r"rubygems_[0-9a-f]{48}"),
    _token("postman-key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _token("tailscale-key", r"tskey-[a-z]{1,12}-[0-9A-Za-z-]{20,}"),
    _token("age-key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _token("jwt", rf"eyJ{_WORD}{{8,400}}\.{_WORD}{{8,}}(?:\.{_WORD}*){{0,3}}"),
    Pattern(
        "url-password",
        r"://[^\s:/?#@\"'\\\[\]<>]{0,128}:([^\s/@\"'\\\[\]<>{}]{1,256})@",
        checks.is_no_placeholder,
    ),
    Pattern(
        "basic-auth",
        rf"(?i:authorization)(?:{_QUOTE})?{_IS}(?:{_QUOTE})?(?i:basic)[ \t]+([0-9A-Za-z+/]{{6,}}={{0,2}})",
    ),
    Pattern("bearer-token", r"(?i:bearer)[ \t]+([0-9A-Za-z._~+/=-]{16,64})", checks.is_random, "[0-9A-Za-z._~+/=-]*"),
    Pattern(
        "authorization",
        rf"(?i:authorization)(?:{_QUOTE})?{_IS}(?:{_QUOTE})?(?:[A-Za-z][0-9A-Za-z-]{{0,20}}[ \t]+)?"
        r"([0-9A-Za-z._~+/=-]{16,64})",
        checks.is_random,
        "[0-9A-Za-z._~+/=-]*",
    ),
    Pattern(
        "cookie",
        rf"(?i:cookie)(?:{_QUOTE})?{_IS}(?:{_QUOTE})?"
        r"([0-9A-Za-z!#$%&*+.^_|~-]{1,64}=[^\s;,\"'\\\[\]]+(?:;[ \t]*[^\s;,\"'\\\[\]]+)*)",
    ),
    *_assigned("password", _PASSWORD, checks.is_password, 6),
    *_assigned("assigned-secret", _NAMED, checks.is_random, 12),
]  # fmt: skip

# What is redacted on request.
PERSONAL: list[Pattern] = [
    Pattern(
        "email",
        r"(?:\\[bfnrt]|\\u[0-9a-fA-F]{4})?([0-9A-Za-z._%+-]{1,64}@[0-9A-Za-z-]{1,63}(?:\.[0-9A-Za-z-]{1,63}){0,6}\.[A-Za-z]{2,24})",
    ),
    Pattern("card-number", rf"{_FRONT}((?:[0-9][ -]?){{12,18}}[0-9]){_END}", checks.is_card_number),
]
