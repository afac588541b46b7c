"""Made-up secrets in their providers' formats, put together here so that no scanner takes this file for a leak."""

import random
import string

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def some(alphabet: str, length: int, seed: int = 1) -> str:
    """Characters as random as a key's; always with a digit and a letter among the first."""
    rng = random.Random(f"{alphabet}{length}{seed}")
    return (rng.choice([c for c in alphabet if c.isdigit()] or alphabet[:1]) + rng.choice(alphabet[-20:])) + "".join(
        rng.choice(alphabet) for _ in range(length - 2)
    )


URL = ALNUM + "-_"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SECRETS = {
    "anthropic-key": "sk-" + "ant-api03-" + some(URL, 93) + "AA",
    "openai-key": "sk-" + "proj-" + some(ALNUM, 40) + "T3Blbk" + "FJ" + some(ALNUM, 40),
    "aws-key": "AK" + "IA" + some(UPPER, 16),
    "aws-session-token": "FwoGZX" + "IvYXdz" + some(ALNUM, 200),
    "google-key": "AI" + "za" + some(URL, 35),
    "github-token": "gh" + "p_" + some(ALNUM, 36),
    "gitlab-token": "gl" + "pat-" + some(URL, 20),
    "slack-token": "xo" + "xb-" + some("0123456789", 12) + "-" + some(ALNUM, 24),
    "stripe-key": "sk_" + "live_" + some(ALNUM, 24),
    "huggingface-token": "h" + "f_" + some(ALNUM, 34),
    "npm-token": "np" + "m_" + some(ALNUM, 36),
    "pypi-token": "py" + "pi-AgEI" + some(URL, 150),
    "sendgrid-key": "S" + "G." + some(URL, 22) + "." + some(URL, 43),
    "twilio-key": "S" + "K" + some(HEX, 32),
    "mailgun-key": "ke" + "y-" + some(HEX, 32),
    "telegram-token": some("0123456789", 10) + ":A" + "A" + some(URL, 33),
    "model-provider-key": "gs" + "k_" + some(ALNUM, 52),
    "langsmith-key": "lsv2" + "_pt_" + some(HEX, 32) + "_" + some(HEX, 10),
    "databricks-token": "da" + "pi" + some(HEX, 32),
    "digitalocean-token": "do" + "p_v1_" + some(HEX, 64),
    "shopify-token": "shp" + "at_" + some(HEX, 32),
    "atlassian-token": "ATA" + "TT3" + some(ALNUM, 180),
    "docker-token": "dckr" + "_pat_" + some(URL, 27),
    "vault-token": "hv" + "s." + some(URL, 24),
    "notion-token": "nt" + "n_" + some(ALNUM, 46),
    "linear-key": "lin" + "_api_" + some(ALNUM, 40),
    "airtable-token": "pa" + "t" + some(ALNUM, 14) + "." + some(HEX, 64),
    "grafana-token": "gl" + "sa_" + some(ALNUM, 32) + "_" + some(HEX, 8),
    "1password-token": "ops_" + "eyJ" + some(ALNUM, 260),
    "alibaba-key": "LT" + "AI" + some(ALNUM, 20),
    "artifactory-token": "AK" + "Cp" + some(ALNUM, 69),
    "cloudflare-key": "v1" + ".0-" + some(HEX, 24) + "-" + some(HEX, 146),
    "supabase-key": "sb" + "p_" + some(HEX, 40),
    "tailscale-key": "tsk" + "ey-auth-" + some(ALNUM, 17) + "-" + some(ALNUM, 32),
    "azure-key": "ab1" + "8Q" + "~" + some(ALNUM, 34),
    "jwt": "ey" + "J" + some(ALNUM, 30) + ".ey" + "J" + some(ALNUM, 80) + "." + some(URL, 43),
    "private-key": "-----BEGIN {0}-----\n{1}\n{1}\n-----END {0}-----".format("RSA PRIV" + "ATE KEY", some(ALNUM, 64)),
}  # fmt: skip

# The secret, and a text that names it.
NAMED = [
    ("password", "hunter2!", "password: {}"),
    ("password", "S3cretPw", '{{"user": "ann", "password": "{}"}}'),
    ("password", "S3cretPw", "curl --password {} https://x.org"),
    ("password", "pä55wörter", "PASSWORD='{}'"),
    ("assigned-secret", some(ALNUM, 32), "OPENAI_API_KEY={}"),
    ("assigned-secret", some(ALNUM, 32), 'os.environ["MY_TOKEN"] = "{}"'),
    ("assigned-secret", some(HEX, 40), 'apiKey: "{}"'),
    ("assigned-secret", some(ALNUM + "/+", 40), "aws_secret_access_key = {}"),
    ("assigned-secret", some(ALNUM, 24), "https://x.org/?access_token={}&page=2"),
    ("assigned-secret", some(ALNUM, 24), '{{\\"client_secret\\": \\"{}\\"}}'),
    ("authorization", some(ALNUM, 40), "Authorization: Bearer {}"),
    ("authorization", some(ALNUM, 40), '{{"headers": {{"authorization": "bearer {}"}}}}'),
    ("bearer-token", some(ALNUM, 40), "send bearer {} along"),
    ("basic-auth", "YWxhZGRpbjpvcGVuc2VzYW1l", "Authorization: Basic {}"),
    ("authorization", some(ALNUM, 40), "authorization: {}"),
    ("url-password", "s3cret", "postgresql://ann:{}@db.example.org:5432/shop"),
    ("url-password", "onlyletters", "redis://:{}@localhost"),
    ("cookie", "session=abc123; theme=dark", "GET / HTTP/1.1\r\nCookie: {}\r\nAccept: */*"),
    ("cookie", "sid=8f2a", "Set-Cookie: {}; Path=/; HttpOnly"),
    ("azure-key", some(ALNUM, 86) + "==", "AccountName=x;AccountKey={};EndpointSuffix=y"),
    ("slack-webhook", "T0" + some(ALNUM, 8) + "/B0" + some(ALNUM, 8) + "/" + some(ALNUM, 24), "https://hooks.slack.com/services/{}"),
]  # fmt: skip

ORDINARY = [
    "123e4567-e89b-12d3-a456-426614174000",
    "commit 2c16ab415a4f2059628021fdeca671e8c2dde634",
    "trace_id 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==",
    "SELECT tokens_in, sum(tokens_out) FROM attempts WHERE trace_id = 'abc123def456' GROUP BY ALL",
    '<div class="sk-loading-spinner-container"><input type="password" id="pw" name="password" value=""></div>',
    '{"max_tokens": 4096, "token_count": 17, "tokens": ["the", "cat"], "logprobs": {"token": " the"}}',
    "api_key=endpoint.api_key, token=tokenizer.decode(ids), password: Optional[str] = None",
    '{"password": {"type": "string"}, "token": null, "api_key": 12, "secret": false}',
    "The key: 12345 of the locker; a key-value store; primary_key=user_id; task-master-disk-2024",
    "Cookies are small files. Bearer of good news, authorization: required, Password: required",
    "http://localhost:8080/a@b https://example.org/x?y=1&z=2",
    "API_KEY=your-api-key-here PASSWORD=$DB_PASSWORD token=<your token> password=******** pwd: /home/ann/work2",
    "export OPENAI_API_KEY=$OPENAI_API_KEY && pip install hf_transfer npm_config_cache gho_stwriter",
    "https://user@example.org/repo.git and git@example.org:a/b.git, ratio 12:34, 10.0.0.1:5432",
    "order 4111 1111 1111 1112, timestamp 1762387200000000000, phone 555-0100",
    "Enter the username kirsten and the password 1V4q into the text fields and press login.",
]

# Texts about passwords and tokens that hold none.
ABOUT_SECRETS = """
password reset
def login(user: str, password: str) -> None:
    password: str
    password: Optional[str] = None
    password = getpass.getpass()
    self.password = password
    password = request.form["password"]
    password=password,
    user.set_password(password)
    passwd = config.get("passwd")
{"password": null}
{"password": "string"}
{"password": "Password"}
{"password": "********"}
{"password": "<hidden>"}
{"type": "password", "name": "password", "value": ""}
{"password": {"type": "string", "minLength": 8}}
{"properties": {"password": {"$ref": "#/x"}}}
{"errors": {"password": "This field is required."}}
{"errors": {"password": "required"}}
{"action": "fill", "target": "password", "text": "1V4q"}
enter your password
Enter the username "kirsten" and the password "1V4q" into the text fields and press login.
Password:
Password: Required
Password: [redacted]
- textbox "Password"
  - textbox "Password": 1V4q
password must be 8 characters
passwd: unrecognized option
passwd: files systemd
passwd:         files
--password TEXT
--password <password>
-p, --password string   Password
mysql -p shop
mysql -P 3306 -h db
psql -p 5432
docker run -p 8080:80 nginx
docker login
curl -u user:$TOKEN https://x
curl -u "$USER:$PASS" https://x
curl -o out.txt https://x.org
PGPASSWORD=$PGPASSWORD psql
DB_PASS=${DB_PASS}
DB_PASSWORD=<your-password>
DB_PASSWORD=
export DB_PASS
PASS=27 FAIL=3
TESTS_PASS=120000
BYPASS=true
COMPASS=north
const password = process.env.PASSWORD;
password: process.env.DB_PASSWORD,
password: string;
password: z.string().min(8),
password = "";
password: "",
<input type="password" name="password" id="password">
<label for="password">Password</label>
<password/>
<password></password>
https://example.org/search?key=value&page=2
https://example.org/?token=
https://example.org/users/123456789/keys
https://github.com/a/b/commit/2c16ab415a4f2059628021fdeca671e8c2dde634
https://example.org/keys/123e4567-e89b-12d3-a456-426614174000
https://example.org/reset-password
zip -r out.zip folder
ls | zip -@ x.zip
openssl rand -hex 32
openssl req -new -key server.key -out x.csr
data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4
ghp_ is the prefix of GitHub tokens
the sk-learn package and sk-proj naming
AKIA is how key ids begin
PRIMARY_KEY=id
SORT_KEY=created_at
API_KEY=$API_KEY
MAX_TOKEN=4096
"tokens": {"input": 123, "output": 45}
"credentials": {"username": "bob"}
SECRET_KEY=os.environ
password_hash = hash_password(password)
password_field = "password"
assert user.password == "password"
forgot password? click here
user:password@host
auth: required
"auth": "none"
"auth": "basic"
machine learning login page password reset
the machine will login with password later
CREATE USER bob WITH PASSWORD
identified by their name
$1$ $2 $5.00 $6,000
echo hello | sudo tee x
echo "ok" | grep ok
set password for user
SET PASSWORD FOR bob
ENV PATH /usr/bin
ARG TOKEN
-----BEGIN CERTIFICATE-----
MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ
"passwordPolicy": "strong"
"password_reset_token": null
password_changed_at: 2024-01-01
passwordless: true
pwd: /home/ann/work2
pwd=/home/bob
PWD=/srv OLDPWD=/srv/x
cwd=/testbed/password/forms.py
password/forms.py:12: error
test_password_reset.py::test_ok PASSED
"name": "password"
name="password" type="password"
variable "db_password" { type = string }
Password: Please enter
password:incorrect
"pass": "true"
if password == confirm:
Passwords: 3 changed
Access denied for user 'root'@'localhost' (using password: YES)
using password: NO
"message": "Invalid password"
Password: Forgot password?
password : Anything
PASSWORD: see README
"""
