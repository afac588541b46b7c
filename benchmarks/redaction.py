"""Measures the redaction of secrets: how many shapes of secrets it finds, and how often it alarms on real traces.

    python -m benchmarks.redaction [FOLDER ...]

A shape is a made-up secret in a form that shells, files, requests and programs give it; it is found when nothing of its
secret is left. Every redaction in the folders of real traces counts as a false alarm, unless the text was seen to be
secret; by default these are tests/data and, where it is there, the folder of data beside the checkout.
"""

import base64
import json
import random
import re
import string
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from halo_opt.redaction import RedactionRules, Redactor

ROOT = Path(__file__).resolve().parents[1]
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
WORD, DIGITS, MIXED = "sunshinevalley", "84739201", "Tr0ub4dor&3"


class Shape(NamedTuple):
    """A form of a secret: the text, and the parts of it that must not be left."""

    name: str
    text: str
    secrets: tuple[str, ...]


def some(alphabet: str, length: int, seed: int = 0) -> str:
    """Random characters, the same for the same arguments, with a letter and a digit at the beginning."""
    drawn = random.Random(f"{alphabet}{length}{seed}")
    return "k7" + "".join(drawn.choice(alphabet) for _ in range(length - 2)) if length > 2 else "k7"


# Put together here, so that no scanner takes this file for a leak.
GITHUB = "gh" + "p_" + some(ALNUM, 36)
OPENAI = "sk-" + "proj-" + some(ALNUM, 48)
AWS_KEY, AWS_SECRET = "AK" + "IA" + "Q3EGWN5JTL2RKXZP", some(ALNUM + "/+", 40)
JWT = ".".join("ey" + "J" + some(ALNUM, 30, n) if n < 2 else some(ALNUM, 43) for n in range(3))
PEM_BODY = "\n".join(
    ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj" if n == 0 else "") + some(ALNUM + "+/", 64 if n else 24, n)
    for n in range(6)
)
PEM = "-----BEGIN PRIV" + f"ATE KEY-----\n{PEM_BODY}\n-----END PRIV" + "ATE KEY-----"


def base64_of(text: str) -> str:
    """The text in base64."""
    return base64.b64encode(text.encode()).decode()


def shapes() -> Iterator[Shape]:
    """Every shape."""
    for name, text, *secrets in _SHAPES:
        yield Shape(name, text.replace("%0", secrets[0]), tuple(secrets))


# (name, text, secrets): %0 is the first secret.
_SHAPES: list[tuple[str, ...]] = [
    ("curl -u", "curl -u admin:%0 https://api.example.org/v1/me", WORD),
    ("curl --user", "curl -s --user 'bob:%0' https://api.example.org", MIXED),
    ("wget --password", "wget --user=bob --password=%0 https://example.org/x", WORD),
    ("mysql -p'...'", "mysql -u root -p'%0' shop", MIXED),
    ("mysql -p...", "mysql -uroot -p%0 shop -e 'SELECT 1'", MIXED),
    ("mysqldump --password=", "mysqldump --password=%0 shop > x.sql", WORD),
    ("sshpass -p", "sshpass -p %0 ssh bob@example.org", WORD),
    ("sshpass -p quoted", "sshpass -p '%0' scp x bob@example.org:", MIXED),
    ("PGPASSWORD=", "PGPASSWORD=%0 psql -h db -U shop", WORD),
    ("MYSQL_PWD", "export MYSQL_PWD=%0", WORD),
    ("export DB_PASS=", "export DB_PASS=%0", WORD),
    ("export DB_PASS quoted", 'export DB_PASS="%0"', DIGITS),
    ("DB_PASSWORD of digits", "DB_PASSWORD=%0", DIGITS),
    (".env", "APP_ENV=prod\nREDIS_PASSWORD=%0\nDEBUG=0\n", WORD),
    (".env secret", "SECRET_KEY=%0\n", some(ALNUM, 50)),
    ("netrc", "machine api.example.org login bob password %0", WORD),
    ("netrc over lines", "machine api.example.org\n  login bob\n  password %0\n", WORD),
    ("pgpass", "db.example.org:5432:shop:bob:%0", MIXED),
    ("docker auth", '{"auths": {"registry.example.org": {"auth": "%0"}}}', base64_of("bob:" + WORD)),
    ("docker login -p", "docker login -u bob -p %0 registry.example.org", WORD),
    ("npm _auth", "//registry.example.org/:_auth=%0", base64_of("bob:" + WORD)),
    ("npm _authToken", "//registry.example.org/:_authToken=%0", some(HEX, 36)),
    ("npm _password", "_password=%0", base64_of(WORD)),
    ("htpasswd", "bob:%0", "$apr1$" + some(ALNUM, 8) + "$" + some(ALNUM, 22)),
    ("bcrypt", "admin:%0", "$2y$" + "10$" + some(ALNUM, 53)),
    ("shadow", "root:%0:19000:0:99999:7:::", "$6$" + some(ALNUM, 16) + "$" + some(ALNUM, 86)),
    ("JSON password of letters", '{"user": "bob", "password": "%0"}', WORD),
    ("JSON password of digits", '{"user": "bob", "password": "%0"}', DIGITS),
    ("JSON password as number", '{"user": "bob", "password": %0}', DIGITS),
    ("JSON passphrase of words", '{"passphrase": "%0"}', "correct horse battery staple"),
    ("JSON in JSON", json.dumps({"body": json.dumps({"password": "%0"})}), WORD),
    ("JSON client_secret of letters", '{"client_secret": "%0"}', some(string.ascii_letters, 24)),
    ("XML password", "<user>bob</user><password>%0</password>", WORD),
    ("XML attribute", '<server id="x" username="bob" password="%0"/>', WORD),
    ("maven settings", "<server><passphrase>%0</passphrase></server>", WORD),
    ("YAML password", "db:\n  user: bob\n  password: %0\n", WORD),
    ("YAML password quoted", 'password: "%0"', DIGITS),
    ("INI password", "[client]\nuser = root\npassword = %0\n", WORD),
    ("TOML", 'db_password = "%0"', WORD),
    ("properties", "spring.datasource.password=%0", WORD),
    ("flag --password", "tool login --user bob --password %0", WORD),
    ("flag --token=", "tool deploy --token=%0", some(ALNUM, 24)),
    ("flag --api-key", "tool run --api-key %0", some(HEX, 32)),
    ("form body", "username=bob&password=%0&remember=1", WORD),
    ("form body pwd", "user=bob&pwd=%0", DIGITS),
    ("multipart form", 'Content-Disposition: form-data; name="password"\r\n\r\n%0\r\n', WORD),
    ("URL ?key=", "GET https://maps.example.org/api?key=%0&q=x", some(ALNUM, 24)),
    ("URL ?token=", "https://example.org/reset?token=%0", some(ALNUM, 24)),
    ("URL ?token= hex", "https://example.org/reset?id=7&token=%0", some(HEX, 20)),
    ("URL ?password=", "https://example.org/login?user=bob&password=%0", WORD),
    ("URL ?sig=", "https://x.blob.example.net/c?sv=2020&sig=%0", some(ALNUM, 43) + "%3D"),
    ("X-Amz-Signature", "https://b.s3.amazonaws.com/k?X-Amz-Credential=x&X-Amz-Signature=%0", some(HEX, 64)),
    ("token in a URL's path", "https://api.example.org/bot%0/getMe", "7123456789:AA" + some(ALNUM, 33)),
    ("token in a path behind token", "https://example.org/token/%0/profile", some(ALNUM, 32)),
    ("webhook path", "https://discord.com/api/webhooks/123456789012345678/%0", some(ALNUM, 68)),
    ("basic auth in URL", "git clone https://bob:%0@git.example.org/x.git", WORD),
    ("token as user in URL", "git clone https://%0@git.example.org/x.git", some(ALNUM, 40)),
    ("token as JSON key", '{"%0": true}', GITHUB),
    ("random token as JSON key", '{"sessions": {"tokens": {"%0": {"user": 1}}}}', some(ALNUM, 40)),
    ("split by line breaks", GITHUB[:20] + "\n" + GITHUB[20:], GITHUB[4:20], GITHUB[20:]),
    ("split by JSON line breaks", GITHUB[:16] + "\\n" + GITHUB[16:], GITHUB[4:16], GITHUB[16:]),
    ("split by spaces", " ".join(OPENAI[at : at + 8] for at in range(0, len(OPENAI), 8)), OPENAI[8:16], OPENAI[-8:]),
    ("AWS key split", AWS_KEY[:10] + "\n  " + AWS_KEY[10:], AWS_KEY[4:10], AWS_KEY[10:]),
    ("base64 around a token", "data: %0", base64_of(GITHUB)),
    ("base64 around a file", "%0", base64_of(f"[default]\naws_access_key_id = {AWS_KEY}\nregion = eu\n")),
    ("base64 around a key", "%0", base64_of(PEM)),
    ("kubectl secret", "apiVersion: v1\nkind: Secret\ndata:\n  password: %0\n", base64_of(WORD)),
    ("kubectl secret token", "kind: Secret\ndata:\n  token: %0\n", base64_of(some(ALNUM, 40))),
    ("kubeconfig key", "    client-key-data: %0", base64_of(PEM)),
    ("private key", PEM, PEM_BODY),
    ("private key in JSON", json.dumps({"private_key": PEM}), PEM_BODY.split("\n")[2]),
    ("PEM body without header", PEM_BODY, *PEM_BODY.split("\n")[:6]),
    ("OpenSSH key", "-----BEGIN OPENSSH PRIV" + f"ATE KEY-----\n{PEM_BODY}\n", PEM_BODY.split("\n")[0]),
    ("PGP key", "-----BEGIN PGP PRIV" + f"ATE KEY BLOCK-----\n\n{PEM_BODY}\n", PEM_BODY.split("\n")[1]),
    ("Authorization bearer", "Authorization: Bearer %0", some(ALNUM, 40)),
    ("Authorization basic", "Authorization: Basic %0", base64_of("bob:" + WORD)),
    ("Authorization token", "authorization: token %0", some(HEX, 40)),
    ("X-API-Key header", "X-API-Key: %0", some(ALNUM, 32)),
    ("private-token header", 'curl -H "PRIVATE-TOKEN: %0" https://git.example.org', some(ALNUM, 20)),
    ("cookie", "Cookie: session=%0; theme=dark", some(ALNUM, 32)),
    ("curl --cookie", "curl -b 'sessionid=%0' https://example.org", some(ALNUM, 32)),
    ("postgres URL", "postgres://shop:%0@db.example.org/shop", WORD),
    ("mongodb+srv", "mongodb+srv://bob:%0@cluster0.example.net/db", WORD),
    ("redis URL", "redis://:%0@cache:6379/0", WORD),
    ("AccountKey=", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=%0;", some(ALNUM + "+/", 86) + "=="),
    ("SQL Server", "Server=db;Database=shop;User Id=sa;Password=%0;", WORD),
    ("JDBC", "jdbc:mysql://db/shop?user=root&password=%0", WORD),
    ("IDENTIFIED BY", "CREATE USER bob IDENTIFIED BY '%0'", WORD),
    ("WITH PASSWORD", "ALTER ROLE bob WITH PASSWORD '%0';", WORD),
    ("chpasswd", "echo 'bob:%0' | chpasswd", WORD),
    ("Python argument", "connect(host='db', user='bob', password='%0')", WORD),
    ("Ruby hash", "{ :user => 'bob', :password => '%0' }", WORD),
    ("AWS key id", "aws_access_key_id = %0", AWS_KEY),
    ("AWS secret", "aws_secret_access_key = %0", AWS_SECRET),
    ("AWS secret in env", "AWS_SECRET_ACCESS_KEY=%0", AWS_SECRET),
    ("GCP key", "%0", "AI" + "za" + some(ALNUM + "-_", 35)),
    ("GitHub token", "%0", GITHUB),
    ("GitHub fine-grained", "%0", "github" + "_pat_" + some(ALNUM, 22) + "_" + some(ALNUM, 59)),
    ("Slack token", "%0", "xo" + "xb-123456789012-" + some(ALNUM, 24)),
    ("Stripe key", "%0", "sk" + "_live_" + some(ALNUM, 24)),
    ("OpenAI key", "%0", OPENAI),
    ("Anthropic key", "%0", "sk-" + "ant-api03-" + some(ALNUM, 93)),
    ("Hugging Face token", "%0", "h" + "f_" + some(string.ascii_letters, 34)),
    ("npm token", "%0", "np" + "m_" + some(ALNUM, 36)),
    ("PyPI token", "%0", "py" + "pi-AgEI" + some(ALNUM, 150)),
    ("Twilio key", "%0", "S" + "K" + "7f" * 16),
    ("SendGrid key", "%0", "S" + "G." + some(ALNUM, 22) + "." + some(ALNUM, 43)),
    ("JWT", "%0", JWT),
    ("Azure client secret", "AZURE_CLIENT_SECRET=%0", "ab1" + "8Q" + "~" + some(ALNUM, 34)),
    ("Fernet key", "FERNET_KEY=%0", some(ALNUM + "-_", 43) + "="),
    ("Terraform variable", 'variable "db_password" {\n  default = "%0"\n}', WORD),
    ("ansible variable", "ansible_become_pass: %0", WORD),
    ("Dockerfile ENV", "ENV DB_PASSWORD %0", WORD),
    ("set -x trace", "+ TOKEN=%0", some(ALNUM, 24)),
    ("PowerShell", "ConvertTo-SecureString '%0' -AsPlainText -Force", WORD),
    ("smbclient", "smbclient //srv/share -U bob%%0", MIXED),
    ("openssl passin", "openssl rsa -in x.pem -passin pass:%0", WORD),
    ("zip -P", "zip -P %0 -r x.zip x", WORD),
    ("redis-cli -a", "redis-cli -h cache -a %0 PING", WORD),
]  # fmt: skip


def missed(redactor: Redactor, shape: Shape) -> bool:
    """Whether something of the secret is left."""
    clean = redactor.redact(shape.text)[0]
    return any(line in clean for secret in shape.secrets for line in secret.split("\n"))


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """The text files below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".json", ".jsonl", ".md", ".txt", ".log", ".yaml", ".diff"):
            yield path, path.read_text(encoding="utf-8", errors="replace")


def main(arguments: list[str]) -> None:
    """Print the shapes that are missed, the alarms by kind, and the speed."""
    redactor = Redactor(RedactionRules(environment=False))
    redactor.redact("warm up " * 100_000)
    every = list(shapes())
    left = [shape.name for shape in every if missed(redactor, shape)]
    print(f"recall: {len(every) - len(left)} of {len(every)} shapes; missed: {', '.join(left) or 'none'}")
    folders = [Path(word) for word in arguments] or [ROOT / "tests" / "data", *_beside()]
    for folder in folders:
        kinds: Counter[str] = Counter()
        size, started = 0, time.perf_counter()
        for path, text in texts(folder):
            size += len(text.encode())
            clean, counts = redactor.redact(text)
            kinds += counts
            if counts and "-v" in sys.argv:
                _show(path, text, clean)
        seconds = time.perf_counter() - started
        speed = f"{size / 1e6:.1f} MB, {size / 1e6 / seconds:.0f} MB/s"
        print(f"{folder}: {sum(kinds.values())} alarms {dict(kinds)} in {speed}")
    lines = [line for folder in folders for _, text in texts(folder) for line in text.splitlines()]
    started = time.perf_counter()
    for line in lines:
        redactor.redact(line)
    print(f"by line: {sum(map(len, lines)) / 1e6 / (time.perf_counter() - started):.0f} MB/s")


def _beside() -> list[Path]:
    """The folder of data next to the checkout, or next to that, where it is there."""
    places = (folder / "shared" / "data" for folder in ROOT.parents)
    return [place for place in places if place.is_dir()][:1]


def _show(path: Path, before: str, after: str) -> None:
    for match in re.finditer(r"\[redacted:[a-z-]+\]", after):
        around = after[max(0, match.start() - 60) : match.end() + 30]
        if around not in before:
            print(f"  {path.name}: {' '.join(around.split())}")


if __name__ == "__main__":
    main([word for word in sys.argv[1:] if word != "-v"])
