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
FRONT = r"(?:^|[^0-9A-Za-z]|\\[bfnrt]|\\u[0-9a-fA-F]{4}|%[0-9A-F]{2})"
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
    quote: bool = False
    """Whether what is found is a bare value of JSON, which only a string can replace."""


def _token(kind: str, regex: str, check: Callable[[str], bool] | None = None, more: str | None = None) -> Pattern:
    return Pattern(kind, f"{FRONT}({regex})", check, more)


def _whole(kind: str, regex: str) -> Pattern:
    """A token of exactly this length: more letters or digits behind it would make it another thing."""
    return Pattern(kind, f"{FRONT}({regex}){_END}")


def _assigned(kind: str, name: str, check: Callable[[str], bool], least: int) -> list[Pattern]:
    """`name = value`, `"name": "value"`, `--name value`. A quoted name asks for a quoted value, or JSON would break."""
    return [
        Pattern(kind, f"{name}(?:{_QUOTE})?\\]?{_IS}{_QUOTE}({_QUOTED}{{{least},64}})", check, f"{_QUOTED}*"),
        Pattern(kind, f"{name}{_IS}({_PLAIN}{{{least},64}})", check, f"{_PLAIN}*"),
        Pattern(kind, f"--?[a-z-]{{0,20}}{name}[ \\t]+({_PLAIN}{{{least},64}})", check, f"{_PLAIN}*"),
    ]


_WORD = r"[0-9A-Za-z_-]"
# A value on a command line or in a line of settings, and what ends it.
_VALUE = r"[^\s\"'\\`\[\]<>{}();&|,]"
_STOP = r"(?:[\s\"'\\`;&]|$)"
_LINE_END = r"[ \t]*(?:[\r\n#]|\\+[nr]|$)"
_BREAK = r"(?:[ \t]*(?:\r?\n|\\+[nr])[ \t]*)"
_SPACE = r"(?:\s|\\+[nrt])+"
_OPEN = r"(?:\\*[\"'])?"
_NO_SPACE = r"[^\s\"'\\]"
# The end of a name for a password: `password`, `db_password`, `userPassword`, `DB_PASS`.
_PASS = r"(?:[Pp]ass(?:word|wd|phrase|code)|PASS(?:WORD|WD|PHRASE|CODE)|pwd|[_.-](?:pass|PASS|PWD))"


def _given(before: str, value: str = f"{_VALUE}{{6,128}}", after: str = "", *, quote: bool = False) -> Pattern:
    """A password of any letters or digits, where the text around it says that it is one.

    The names in `before` have nothing in front of them: to look for the beginning of each word would cost time.
    """
    return Pattern("password", f"{before}({value}){after}", checks.is_given, quote=quote)


def _behind(command: str, option: str) -> Pattern:
    """The value of an option of a command, or of what stands within the option's value."""
    return _given(rf"(?:{command})[^\n|;]{{0,120}}?[ \t]{option}{_OPEN}", f"{_VALUE}{{4,128}}")


_GIVEN = [
    _behind("curl", rf"(?:-u|--user|-U|--proxy-user)[ \t=]*{_OPEN}[^\s:\"'\\]{{1,64}}:"),
    _behind("mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mysqlimport", "-p"),
    _behind("sshpass", r"-p[ \t]*"),
    _behind("(?:docker|podman|helm registry|az|oc|heroku|nerdctl|skopeo) login", r"(?:-p|--password)[ \t=]+"),
    _behind(r"(?:^|[\s;&'\"])(?:un)?zip", r"-P[ \t]*"),
    _behind("redis-cli", r"(?:-a|--pass)[ \t]+"),
    _behind(r"smbclient|rpcclient|net rpc|smbmap|mount\.cifs", rf"-U[ \t]*{_OPEN}[^\s%\"'\\]{{1,64}}%"),
    _behind("openssl", r"(?:-pass|-passin|-passout|-k)[ \t]+(?:pass:)?"),
    _given(rf"-[a-z-]{{0,20}}pass(?:word|wd|phrase)?(?:=|[ \t]+){_OPEN}", after=_STOP),
    _given(rf"(?:[A-RT-Z0-9]_PASS|PASSWORD|PASSWD|_PWD|PASSPHRASE)={_OPEN}", after=_STOP),
    _given(
        rf"(?:ENV|ARG|export|setx?|SET)[ \t]+[A-Z0-9_]{{0,40}}(?:PASS|PASSWORD|PASSWD|PWD|SECRET|TOKEN)[ \t]+{_OPEN}",
        after=_STOP,
    ),
    _given(
        rf"(?:machine{_SPACE}(?:{_NO_SPACE}{{0,60}}[.0-9]{_NO_SPACE}{{0,60}}|localhost)|default){_SPACE}login{_SPACE}{_NO_SPACE}{{1,100}}{_SPACE}password{_SPACE}",
        f"{_VALUE}{{3,128}}",
    ),
    _given(r":(?:5432|6432):[^\s:]{1,60}:[^\s:]{1,60}:", f"{_QUOTED}{{6,128}}", _LINE_END),
    # A quoted value, then bare ones: to the end of its line, in a form or a connection string, as a number of JSON.
    _given(rf"{_PASS}(?:{_QUOTE})?\]?{_IS}{_QUOTE}", f"{_QUOTED}{{6,64}}", _QUOTE),
    _given(
        r"(?:[Pp]assword|passwd|passphrase|pwd|_pass|_PASSWORD|[A-RT-Z0-9]_PASS)(?:[ \t]*=|:)[ \t]*",
        f"{_VALUE}{{6,64}}",
        _LINE_END,
    ),
    _given(r"(?:[Pp]assword|passwd|passphrase|[Pp]wd|[?&;_]pass)=", f"{_VALUE}{{6,64}}", _STOP),
    _given(rf"{_QUOTE}pass{_QUOTE}{_IS}{_QUOTE}", f"{_QUOTED}{{6,64}}", _QUOTE),
    _given(rf"{_PASS}{_QUOTE}[ \t]*:[ \t]*", "[0-9]{6,20}", r"[ \t]*[,}\r\n]", quote=True),
    _given("[Pp]ass(?:word|wd|phrase|code)>", f"{_QUOTED}{{4,128}}", "</"),
    _given(rf"name={_QUOTE}[a-z_]{{0,20}}(?:[Pp]assword|passwd|pwd){_QUOTE}(?:\r?\n|\\+r|\\+n){{2,4}}"),
    _given(
        r"(?i:identified(?:[ \t]+with[ \t]+[a-z0-9_]{1,40})?[ \t]+by|(?:with|encrypted)[ \t]+password)[ \t]+"
        rf"{_QUOTE}",
        f"{_QUOTED}{{4,128}}",
    ),
    _given("{PLAIN}"),
    _given(r"requirepass[ \t]+", after=_STOP),
    _given(rf"(?:ldapsearch|ldapadd|ldapmodify|ldapwhoami)[^\n|;]{{0,120}}?[ \t]-w[ \t]*{_OPEN}"),
    _given(rf"[ \t]/user:{_NO_SPACE}{{1,64}}[ \t]+"),
    _given(rf"(?:sudo[ \t]+-S|kinit)[^\n|;<]{{0,80}}<<<[ \t]*{_OPEN}"),
    _given(
        rf"(?:echo|printf)[ \t]+(?:-n[ \t]+)?{_OPEN}",
        f"{_VALUE}{{4,64}}",
        rf"{_OPEN}[ \t]*\|[ \t]*(?:sudo[ \t]+-S|[a-z][a-z -]{{1,40}}[^\n|]{{0,80}}--password-stdin)",
    ),
    _given(":", f"{_VALUE}{{4,64}}", rf"{_OPEN}[ \t]*\|[ \t]*(?:sudo[ \t]+)?chpasswd"),
    _given(rf"(?i:convertto-securestring)[ \t]+(?:-string[ \t]+)?{_QUOTE}", f"{_QUOTED}{{4,128}}"),
    _given(
        rf"variable[ \t]+{_QUOTE}[a-z0-9_]{{0,40}}(?:password|secret|token)[a-z0-9_]{{0,20}}{_QUOTE}[^{{}}]{{0,10}}"
        rf"\{{[^{{}}]{{0,200}}?default[ \t]*=[ \t]*{_QUOTE}",
        f"{_QUOTED}{{6,128}}",
    ),
    Pattern(
        "passphrase",
        rf"(?i:passphrase|mnemonic|(?:seed|recovery|secret)[_ -]?(?:phrase|words))(?:{_QUOTE})?{_IS}{_QUOTE}"
        rf"((?:[a-z]{{2,12}} ){{2,23}}[a-z]{{2,12}}){_QUOTE}",
    ),
    Pattern(
        "password-hash",
        r"(\$(?:apr1|2[abxy]|1|5|6|y|7|argon2(?:i|d|id)|scrypt|pbkdf2[0-9a-z-]{0,12})\$[./0-9A-Za-z$=,+]{20,})",
    ),
    Pattern(
        "login",
        rf"(?:{_QUOTE}|[_/:])auth(?:{_QUOTE})?{_IS}{_OPEN}([0-9A-Za-z+/]{{8,400}}={{0,2}})",
        checks.is_encoded_login,
    ),
    Pattern(
        "cookie",
        rf"curl[^\n|;]{{0,120}}?[ \t](?:-b|--cookie)[ \t=]{_OPEN}([0-9A-Za-z_.-]{{1,64}}=[^\s\"'\\\[\]]{{6,}})",
    ),
]

# Tokens of no known shape, in places of addresses and settings where tokens stand.
_PLACED = [
    Pattern(
        "url-token",
        r"[?&](?:key|token|auth|apikey|api_key|access_key|sig|signature|X-Amz-(?:Signature|Security-Token)|sid|session"
        r"|ticket|hash)=([0-9A-Za-z_.~%+/-]{16,64})",
        checks.is_random,
        "[0-9A-Za-z_.~%+/=-]*",
    ),
    Pattern(
        "url-token",
        r"/(?:tokens?|keys?|api-?keys?|secrets?|webhooks?|hooks|reset|reset-password|verify|confirm|magic|invite"
        r"|unsubscribe)/([0-9A-Za-z_~-]{20,64})",
        checks.is_random,
        "[0-9A-Za-z_~-]*",
    ),
    Pattern("url-token", "://([0-9A-Za-z_~-]{20,128})@", checks.is_random),
    Pattern("telegram-token", rf"/bot([0-9]{{8,10}}:AA{_WORD}{{33,}})"),
    Pattern(
        "assigned-secret",
        rf"(?i:tokens|sessions|api_?keys|secrets|credentials){_QUOTE}[ \t]*:[ \t]*\{{\s{{0,20}}{_QUOTE}"
        rf"([0-9A-Za-z_.~+/-]{{20,256}}){_QUOTE}",
        checks.is_random,
    ),
    Pattern(
        "assigned-secret",
        rf"[A-Z0-9]_(?:KEY|TOKEN|SECRET)={_OPEN}([0-9A-Za-z_+/=-]{{16,64}})",
        checks.is_random,
        "[0-9A-Za-z_+/=-]*",
    ),
]

# The first bytes of a private key in DER: a sequence, then version 0; also of OpenSSH's own format.
_KEY_BODY = (
    r"(?:MII[0-9A-Za-z+/]{3}IBA(?:DAN|DAL|DAQ|AKC|AKB)|MI[GH][0-9A-Za-z+/]AgEAM|MH[cQ]CAQEE|MC4CAQAwBQYDK2Vw"
    r"|b3BlbnNzaC1rZXktdjEA)"
)

# What is redacted always. Of patterns that begin at the same place the first one counts.
SECRETS: list[Pattern] = [
    Pattern(
        "private-key",
        r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:[0-9A-Za-z+/=:,.()@ \t\r\n]|-[0-9A-Za-z]|\\+[nrt])*-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"|(?:[ \t\r\n]|\\+[nrt]|[0-9A-Za-z+/=]{16})*))",
    ),
    Pattern(
        "private-key",
        rf"{FRONT}({_KEY_BODY}[0-9A-Za-z+/]{{20,}}(?:{_BREAK}[0-9A-Za-z+/]{{30,}})*"
        rf"(?:{_BREAK}[0-9A-Za-z+/]{{1,63}}={{1,2}})?={{0,2}})",
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
    _token("1password-token", r"ops_eyJ[0-9A-Za-z+/]{250,}={0,3}|A3-[0-9A-Z]{6}(?:-[0-9A-Z]{5,11}){4,5}"),
    _whole("alibaba-key", r"LTAI[0-9A-Za-z]{20}"),
    _token("artifactory-token", r"AKCp[0-9A-Za-z]{69,}"),
    _token("cloudflare-key", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
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
    *_PLACED,
    *_GIVEN,
    *_assigned("password", _PASSWORD, checks.is_password, 6),
    *_assigned("assigned-secret", _NAMED, checks.is_random, 12),
]  # fmt: skip

# What is redacted on request.
PERSONAL: list[Pattern] = [
    Pattern(
        "email",
        r"(?:\\[bfnrt]|\\u[0-9a-fA-F]{4})?([0-9A-Za-z._%+-]{1,64}@[0-9A-Za-z-]{1,63}(?:\.[0-9A-Za-z-]{1,63}){0,6}\.[A-Za-z]{2,24})",
    ),
    Pattern("card-number", rf"{FRONT}((?:[0-9][ -]?){{12,18}}[0-9]){_END}", checks.is_card_number),
]
