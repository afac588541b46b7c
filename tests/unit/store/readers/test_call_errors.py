"""What the results of tools of many kinds say of errors, and what only looks like an error."""

import pytest

from halo_opt.store.readers.call_errors import call_error, command_of, reply_error

TRACEBACK = (
    'Traceback (most recent call last):\n  File "/r/a.py", line 1, in <module>\n    f()\nValueError: no such day'
)

ERRORS = [
    # Shells and programs.
    ("bash", "foo --x", "bash: line 1: foo: command not found", "tool_error", "bash: line 1: foo: command not found"),
    ("bash", "foo", "/bin/sh: 1: foo: not found", "tool_error", "/bin/sh: 1: foo: not found"),
    ("bash", "foo", "zsh: command not found: foo", "tool_error", "zsh: command not found: foo"),
    (
        "powershell",
        "foo",
        "foo : The term 'foo' is not recognized as the name of a cmdlet, function",
        "tool_error",
        "foo :",
    ),
    ("bash", "./run.sh", "starting\n./run.sh: line 3: jq: command not found", "tool_error", "./run.sh: line 3: jq"),
    ("bash", "ls /nope", "ls: cannot access '/nope': No such file or directory", "tool_error", "ls: cannot access"),
    ("bash", "python a.py", f"start\n{TRACEBACK}\n", "tool_error", "ValueError: no such day"),
    ("Bash", '{"command": "cd /r && python a.py 2>&1 | tail -5"}', TRACEBACK, "tool_error", "ValueError: no such day"),
    (
        "bash",
        "python a.py",
        "  File \"a.py\", line 3\n    x = (\n        ^\nSyntaxError: '(' was never closed",
        "tool_error",
        "SyntaxError",
    ),
    (
        "bash",
        "node a.js",
        "/r/a.js:1\nx.y()\n\nTypeError: x.y is not a function\n    at Object.<anonymous> (/r/a.js:1:3)",
        "tool_error",
        "TypeError: x.y is not a function",
    ),
    (
        "bash",
        "gcc a.c",
        "a.c: In function 'main':\na.c:3:5: error: expected ';' before '}' token",
        "tool_error",
        "a.c:3:5: error",
    ),
    (
        "bash",
        "cargo build",
        "   Compiling x\nerror[E0308]: mismatched types\n --> src/main.rs:2:5",
        "tool_error",
        "error[E0308]",
    ),
    (
        "bash",
        "git checkout x",
        "error: pathspec 'x' did not match any file(s) known to git",
        "tool_error",
        "error: pathspec",
    ),
    (
        "bash",
        "git status",
        "fatal: not a git repository (or any of the parent directories): .git",
        "tool_error",
        "fatal: not a git",
    ),
    (
        "bash",
        "npm run build",
        "> x@1 build\nnpm ERR! missing script: build",
        "tool_error",
        "npm ERR! missing script: build",
    ),
    (
        "bash",
        "make",
        "cc -c a.c\nmake: *** [Makefile:2: all] Error 1",
        "tool_error",
        "make: *** [Makefile:2: all] Error 1",
    ),
    ("bash", "apt install x", "E: Unable to locate package x", "tool_error", "E: Unable to locate package x"),
    (
        "bash",
        "docker ps",
        "Error response from daemon: No such container: x",
        "tool_error",
        "Error response from daemon",
    ),
    (
        "bash",
        "psql -c 'select 1 from x'",
        'ERROR:  relation "x" does not exist\nLINE 1: select',
        "tool_error",
        "ERROR:  relation",
    ),
    (
        "bash",
        "mysql -e 'select'",
        "ERROR 1064 (42000) at line 1: You have an error in your SQL syntax",
        "tool_error",
        "ERROR 1064",
    ),
    (
        "bash",
        "sqlite3 a.db 'select * from x'",
        "Error: in prepare, no such table: x",
        "tool_error",
        "Error: in prepare",
    ),
    (
        "bash",
        "node a.js",
        "node:x:1\n  throw err;\n  ^\n\nError: Cannot find module 'x'\nRequire stack:\n- a\n    at f (x)",
        "tool_error",
        "Error: Cannot find module 'x'",
    ),
    ("bash", "ruby a.rb", "a.rb:1:in `<main>': undefined method `x' (NameError)", "tool_error", "a.rb:1:in `<main>'"),
    # Test runners.
    (
        "bash",
        "pytest -q",
        "F.\na.py:2: AssertionError\n1 failed, 1 passed in 0.02s",
        "tool_error",
        "1 failed, 1 passed",
    ),
    ("run_tests", "{}", "FAILED a.py::test_a\n=== 1 error in 0.02s ===", "tool_error", "=== 1 error in"),
    ("bash", "npm test", "  1 passing (2ms)\n  1 failing\n", "tool_error", "1 failing"),
    ("bash", "npx jest", "FAIL a.test.js\nTests:       1 failed, 1 total", "tool_error", "Tests:       1 failed"),
    ("bash", "go test", "--- FAIL: TestA (0.00s)\nFAIL\nexit status 1", "tool_error", "--- FAIL: TestA"),
    # Exit statuses in the text.
    ("bash", "./run", "Exit code 1\nboom", "tool_error", "boom"),
    (
        "bash",
        "make",
        "<returncode>2</returncode>\n<output>\nmake: *** No rule to make target 'x'.  Stop.\n</output>",
        "tool_error",
        "make: *** No rule",
    ),
    (
        "bash",
        "false",
        "<returncode>1</returncode>\n<output>\n</output>",
        "tool_error",
        "the command ended with exit status 1",
    ),
    ("bash", "pytest", "1 failed, 2 passed in 0.1s\n[exit code: 1]", "tool_error", "1 failed, 2 passed in 0.1s"),
    (
        "bash",
        "pytest",
        "Exit code: 1\nWall time: 1 seconds\nOutput:\nE   assert 1 == 2\n1 failed",
        "tool_error",
        "1 failed",
    ),
    (
        "exec_command",
        '{"cmd": "ls /x"}',
        "Process exited with code 2\nOutput:\nls: cannot access '/x': No such file",
        "tool_error",
        "ls: cannot access",
    ),
    (
        "execute_bash",
        '{"command": "x"}',
        "x: oops\n[The command completed with exit code 127.]",
        "tool_error",
        "x: oops",
    ),
    (
        "shell",
        '{"command": ["bash", "-lc", "make"]}',
        '{"output": "no rule to make", "metadata": {"exit_code": 2}}',
        "tool_error",
        "no rule to make",
    ),
    (
        "run_command",
        '{"command": "x"}',
        '{"stdout": "", "stderr": "x: permission denied", "exit_code": 126}',
        "tool_error",
        "x: permission denied",
    ),
    (
        "bash_command",
        "ls /x",
        "New Terminal Output:\nroot@a:/app# ls /x\nls: cannot access '/x': No such file or directory\nroot@a:/app#",
        "tool_error",
        "ls: cannot access '/x'",
    ),
    # Interpreters.
    ("python", "f()", f"1\n{TRACEBACK}", "tool_error", "ValueError: no such day"),
    (
        "ipython",
        "x",
        "-----------------\nNameError         Traceback (most recent call last)\nCell In[1], line 1\n----> 1 x\n\n"
        "NameError: name 'x' is not defined",
        "tool_error",
        "NameError: name 'x' is not defined",
    ),
    ("code_interpreter", "x", "NameError: name 'x' is not defined", "tool_error", "NameError: name 'x'"),
    # Databases.
    (
        "execute",
        "SELECT * FROM t",
        "Error executing query: Table 'a.t' doesn't exist",
        "tool_error",
        "Error executing query: Table",
    ),
    (
        "run_sql",
        '{"query": "x"}',
        "You have an error in your SQL syntax; check the manual",
        "tool_error",
        "You have an error in your SQL syntax",
    ),
    (
        "run_sql",
        '{"query": "x"}',
        'ERROR: column "y" does not exist\nLINE 1',
        "tool_error",
        'ERROR: column "y" does not exist',
    ),
    (
        "sql_db_query",
        "x",
        "Error: (sqlite3.OperationalError) no such table: t\n[SQL: x]",
        "tool_error",
        "Error: (sqlite3.OperationalError) no such table: t",
    ),
    (
        "query",
        "x",
        "sqlite3.OperationalError: no such column: y",
        "tool_error",
        "sqlite3.OperationalError: no such column: y",
    ),
    (
        "query",
        "x",
        "Catalog Error: Table with name t does not exist!",
        "tool_error",
        "Catalog Error: Table with name t",
    ),
    (
        "query",
        "x",
        'Binder Error: Referenced column "y" not found in FROM clause!',
        "tool_error",
        "Binder Error: Referenced column",
    ),
    ("query", "x", "(1146, \"Table 'a.t' doesn't exist\")", "tool_error", "(1146,"),
    (
        "query",
        "x",
        'psycopg2.errors.UndefinedTable: relation "t" does not exist',
        "tool_error",
        "psycopg2.errors.UndefinedTable",
    ),
    ("query", "x", "ORA-00942: table or view does not exist", "tool_error", "ORA-00942"),
    ("query", "x", 'near "FORM": syntax error', "tool_error", 'near "FORM": syntax error'),
    # Harnesses, linters, edits.
    (
        "execute",
        "I look",
        "No SQL code was found in your last response.\n\nYour response should be",
        "format",
        "No SQL code was found",
    ),
    (
        "edit",
        "3:3",
        "Your proposed edit has introduced new syntax error(s). Please read\n\nERRORS:\n- E999 IndentationError: x\n\n"
        "This is how",
        "tool_error",
        "Your proposed edit has introduced new syntax error(s): E999 IndentationError: x",
    ),
    (
        "Edit",
        "{}",
        "<tool_use_error>String to replace not found in file.\nString: a</tool_use_error>",
        "tool_error",
        "String to replace not found in file.",
    ),
    ("Read", "{}", "<tool_use_error>File does not exist.</tool_use_error>", "tool_error", "File does not exist."),
    (
        "str_replace_editor",
        "{}",
        "No replacement was performed, old_str `a` did not appear verbatim in /r/a.py.",
        "tool_error",
        "No replacement was performed",
    ),
    (
        "edit_block",
        "{}",
        "# 1 SEARCH/REPLACE block failed to match!\n\n## SearchReplaceNoExactMatch",
        "tool_error",
        "# 1 SEARCH/REPLACE block failed",
    ),
    ("open", "a.py", "File a.py not found", "tool_error", "File a.py not found"),
    (
        "Edit",
        "{}",
        "File has not been read yet. Read it first before writing to it.",
        "tool_error",
        "File has not been read yet",
    ),
    (
        "Bash",
        "{}",
        "<tool_use_error>InputValidationError: Bash failed: command is missing</tool_use_error>",
        "invalid_arguments",
        "InputValidationError",
    ),
    (
        "X",
        "{}",
        "<tool_use_error>Error: No such tool available: X</tool_use_error>",
        "unknown_action",
        "Error: No such tool available: X",
    ),
    (
        "Bash",
        '{"command": "rm x"}',
        "The user doesn't want to proceed with this tool use.",
        "blocked",
        "The user doesn't want to",
    ),
    (
        "Bash",
        '{"command": "rm x"}',
        "Permission to use Bash with command rm x has been denied.",
        "blocked",
        "Permission to use Bash",
    ),
    ("shell", "ls", "exec command rejected by user", "blocked", "exec command rejected"),
    # Tools of a program's own.
    ("pay", "{}", "Error: card declined", "tool_error", "Error: card declined"),
    ("pay", "{}", "error: card declined", "tool_error", "error: card declined"),
    ("pay", "{}", "ERROR - card declined", "tool_error", "ERROR - card declined"),
    ("pay", "{}", "Error executing tool pay: card declined", "tool_error", "Error executing tool pay: card declined"),
    ("pay", "{}", "ToolException: card declined", "tool_error", "ToolException: card declined"),
    ("pay", "{}", "Tool execution failed: card declined", "tool_error", "Tool execution failed"),
    ("pay", "{}", "An error occurred: card declined", "tool_error", "An error occurred"),
    ("pay", "{}", "Failed to pay the invoice: card declined", "tool_error", "Failed to pay"),
    ("pay", "{}", "Cannot pay: invoice is closed", "tool_error", "Cannot pay"),
    ("pay", "{}", TRACEBACK, "tool_error", "ValueError: no such day"),
    ("pay", "{}", "Unknown action pay", "unknown_action", "Unknown action pay"),
    ("pay", "{}", "pay is not a valid tool, try one of [read_file].", "unknown_action", "pay is not a valid tool"),
    ("pay", "{}", "Tool 'pay' not found", "unknown_action", "Tool 'pay' not found"),
    ("pay", "{}", "Invalid function parameters", "invalid_arguments", "Invalid function parameters"),
    (
        "pay",
        "{}",
        "1 validation error for Pay\nid\n  Field required [type=missing]",
        "invalid_arguments",
        "1 validation error for Pay",
    ),
    (
        "pay",
        "{}",
        "TypeError: pay() missing 1 required positional argument: 'id'",
        "invalid_arguments",
        "TypeError: pay() missing",
    ),
    (
        "pay",
        "{}",
        "Error: pay() got an unexpected keyword argument 'x'",
        "invalid_arguments",
        "Error: pay() got an unexpected",
    ),
    ("pay", "{}", "MCP error -32602: Invalid arguments for tool pay", "invalid_arguments", "MCP error -32602"),
    ("pay", "{}", "Observation: Error: card declined", "tool_error", "Error: card declined"),
    # HTTP.
    ("http_get", "{}", "HTTP 404", "tool_error", "HTTP 404"),
    ("http_get", "{}", "HTTP Error 403: Forbidden", "tool_error", "HTTP Error 403: Forbidden"),
    ("http_get", "{}", "502 Bad Gateway", "tool_error", "502 Bad Gateway"),
    ("fetch", "{}", "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>", "tool_error", "502 Bad Gateway"),
    ("http_get", "{}", "Request failed with status code 500", "tool_error", "Request failed with status code 500"),
    ("http_get", "{}", "404 Client Error: Not Found for url: https://a.example/x", "tool_error", "404 Client Error"),
    (
        "http_get",
        "{}",
        "requests.exceptions.ConnectionError: HTTPSConnectionPool",
        "tool_error",
        "requests.exceptions.ConnectionError",
    ),
    ("http_get", "{}", "429 Too Many Requests", "tool_error", "429 Too Many Requests"),
    ("http_get", "{}", '{"status": 404, "message": "Not Found"}', "tool_error", "Not Found"),
    ("http_get", "{}", '{"status_code": 503, "body": ""}', "tool_error", '{"status_code": 503'),
    ("http_get", "{}", '{"detail": "Not Found"}', "tool_error", "Not Found"),
    ("bash", "curl -s https://a.example/x", '{"error": "not found"}', "tool_error", "not found"),
    ("bash", "curl https://a.example", "curl: (6) Could not resolve host: a.example", "tool_error", "curl: (6)"),
    # Structured results.
    ("pay", "{}", '{"error": "card declined"}', "tool_error", "card declined"),
    ("pay", "{}", '{"error": {"code": 7, "message": "card declined"}}', "tool_error", "card declined"),
    ("pay", "{}", '{"status": "error", "message": "card declined"}', "tool_error", "card declined"),
    ("pay", "{}", '{"success": false, "message": "card declined"}', "tool_error", "card declined"),
    (
        "pay",
        "{}",
        '{"isError": true, "content": [{"type": "text", "text": "card declined"}]}',
        "tool_error",
        "card declined",
    ),
    ("pay", "{}", '{"ok": false, "reason": "card declined"}', "tool_error", "card declined"),
    ("pay", "{}", '{"errors": [{"message": "card declined"}], "data": null}', "tool_error", "card declined"),
    ("pay", "{}", "{'error': 'card declined'}", "tool_error", "card declined"),
    ("pay", "{}", '[{"type": "text", "text": "Error: card declined"}]', "tool_error", "Error: card declined"),
    ("pay", "{}", '{"result": "Error: card declined"}', "tool_error", "Error: card declined"),
    ("pay", "{}", '{"error": "missing required parameter: id"}', "invalid_arguments", "missing required parameter: id"),
    ("find_user", "{}", '{"error": "User not found"}', "tool_error", "User not found"),
    ("read_file", "{}", '{"error": "File not found: a.txt"}', "tool_error", "File not found: a.txt"),
    # Pages.
    (
        "click",
        "{}",
        "TimeoutError: Timeout 30000ms exceeded.\nCall log:\n  - waiting for locator",
        "tool_error",
        "TimeoutError: Timeout 30000ms exceeded.",
    ),
    ("click", "{}", "Error: page.click: Timeout 30000ms exceeded.", "tool_error", "Error: page.click: Timeout"),
    ("click", "{}", "Element is not visible", "tool_error", "Element is not visible"),
    (
        "click",
        "{}",
        'ValueError: Could not find element with bid "a12"',
        "unknown_target",
        "ValueError: Could not find element",
    ),
    (
        "fill",
        "{}",
        "Error: Element is not an <input>, <textarea> or [contenteditable] element",
        "not_applicable",
        "Error: Element is not an <input>",
    ),
    (
        "click",
        "{}",
        "Message: no such element: Unable to locate element: {}",
        "unknown_target",
        "Message: no such element",
    ),
    (
        "click",
        "{}",
        "selenium.common.exceptions.ElementClickInterceptedException: Message: element click intercepted",
        "tool_error",
        "selenium.common",
    ),
    ("goto", "{}", "net::ERR_NAME_NOT_RESOLVED at https://a.example", "tool_error", "net::ERR_NAME_NOT_RESOLVED"),
    ("bash", "javac A.java", "A.java:3: error: ';' expected\n1 error", "tool_error", "A.java:3: error: ';' expected"),
    ("bash", "tsc", "src/a.ts(3,5): error TS2304: Cannot find name 'x'.", "tool_error", "src/a.ts(3,5): error TS2304"),
    ("bash", "sudo apt update", "sudo: a password is required", "tool_error", "sudo: a password is required"),
    (
        "ipython",
        "x =",
        "Cell In[3], line 1\n    x =\n       ^\nSyntaxError: invalid syntax",
        "tool_error",
        "SyntaxError",
    ),
    ("get_weather", "{}", '{"cod": "404", "message": "city not found"}', "tool_error", "city not found"),
    ("create_issue", "{}", "MCP error -32603: Not Found: no repository", "tool_error", "MCP error -32603"),
    ("read_file", "{}", "ENOENT: no such file or directory, open '/x'", "tool_error", "ENOENT: no such file"),
    ("insert", "{}", 'null value in column "id" violates not-null constraint', "tool_error", "null value in column"),
    ("send_email", "{}", "Unable to send the e-mail: no such recipient", "tool_error", "Unable to send the e-mail"),
]


@pytest.mark.parametrize(("tool", "arguments", "result", "kind", "words"), ERRORS)
def test_errors_are_known_by_their_words(tool, arguments, result, kind, words):
    found = call_error(tool, arguments, result)
    assert found is not None
    assert (found.error_type, found.message[: len(words)]) == (kind, words)


CODE = "import sys\n\n\ndef main():\n    try:\n        run()\n    except ValueError:\n        print('Error: bad')\n" * 8
FINE = [
    ("bash", "cat a.py", CODE),
    ("bash", "cat app.log", f"Error: x\n{TRACEBACK}"),
    ("bash", "grep -rn Error src", "src/a.py:3:    raise ValueError('Error: x')\nsrc/b.py:9: error: y"),
    ("bash", "grep error a.log", "error: disk is full"),
    ("bash", "grep x a.txt", "<returncode>1</returncode>\n<output>\n</output>"),
    ("bash", "diff a b", "1c1\n< error\n---\n> no error\n[exit code: 1]"),
    ("bash", "tail -n 3 server.log | grep -v INFO", "ERROR: request failed"),
    ("bash", "sed -n 1,20p a.py", 'raise Error("x")\nFailed to open'),
    ("bash", "git log --oneline", "a1b2 Fix error: x\nb2c3 Handle Traceback (most recent call last)"),
    ("bash", "pytest", "test_error.py ...\n3 passed, 0 errors in 0.1s"),
    ("bash", "make", "cc -c error.c\n0 errors, 0 warnings"),
    ("bash", "cat pytest.log", "1 failed, 2 passed in 0.1s"),
    ("bash", "pytest", "3 passed, 1 xfailed in 0.1s"),
    ("bash", "ls", "error.log\nerrors\nfailed.txt"),
    ("bash", "which python", ""),
    ("bash", "cat a.json", '{"error": "boom", "status": 500}'),
    ("bash", "jq . a.json", '{\n  "error": "boom"\n}'),
    ("bash", "curl -s https://a.example/x", '{"error": null, "id": 7}'),
    ("bash", "echo done", "<returncode>0</returncode>\n<output>\ndone\n</output>"),
    ("bash", "python a.py", "Exit code: 0\nOutput:\nExit code: 3"),
    ("bash", "tar -czf a.tgz b", "tar: Removing leading `/' from member names\n/b/c"),
    ("python", "print(x)", "the error is 0.3"),
    ("python", "print(r)", "0 errors"),
    ("Read", "{}", "     1\timport os\n     2\traise ValueError('Error: x')"),
    ("read_file", "{}", CODE),
    ("read_file", "{}", '{"error": "x", "a": 1, "b": 2, "c": 3, "d": 4}'),
    ("read_email", "{}", "From: a@b.example\nSubject: Error in your order\n\nError: we could not deliver"),
    ("search_docs", "{}", "Error handling: every call raises ...\n" + "Read on. " * 80),
    ("search_docs", "{}", "Error handling in Python"),
    ("pay", "{}", '{"error": null, "ok": true}'),
    ("pay", "{}", '{"errors": [], "data": {"id": 7}}'),
    ("pay", "{}", '{"error": "", "id": 7}'),
    ("pay", "{}", '{"error": false, "id": 7}'),
    ("pay", "{}", '{"success": true, "message": "no error"}'),
    ("pay", "{}", '{"status": "ok", "errors": 0}'),
    ("get_build", "{}", '{"status": "failed", "id": 12, "commit": "a1"}'),
    ("get_order", "{}", '{"code": 404, "name": "shelf"}'),
    ("list_errors", "{}", '[{"error": "x", "count": 3}]'),
    ("lint", "{}", "0 errors, 2 warnings"),
    ("lint", "{}", "No errors found"),
    ("lint", "{}", "Errors: 0"),
    ("search", "{}", "No results found."),
    ("search", "{}", "Could not find any match for 'x'"),
    ("think", "{}", "Your thought has been logged: the Error: x"),
    ("get_status", "{}", "Errors occurred last week: 3"),
    ("submit", "", "diff --git a/x b/x\n+raise Error('x')"),
    ("pay", "{}", "paid"),
    ("pay", "{}", ""),
    ("pay", "{}", None),
    ("calculate", '{"expression": "1/2"}', "0.5"),
    ("click", "{}", "clicked 'Report an error'"),
    ("bash", "cat build.log", "building\nProcess exited with code 1"),
    ("get_job", "{}", "job 7\nstep 1\nProcess exited with code 1"),
    ("bash", "docker logs x", f"ERROR: foo\n{TRACEBACK}"),
    ("bash", "python analyze.py", "error rate: 0.3\n"),
    ("bash", "foo --help", "Usage: foo [OPTIONS]\n\n  Do things"),
    ("read_note", "{}", "Failed to call mum yesterday. Try again."),
    ("get_email", "{}", "Error in invoice 7: please pay 20 more"),
    ("get_faq", "{}", "Cannot log in? Reset your password."),
    ("think", "{}", "Error: that is what I expect"),
    ("sql", "{}", "error\n-----\n0"),
    ("get_payment", "{}", '{"id": 1, "status": "failed", "amount": 3}'),
    ("validate", "{}", '{"valid": false, "errors": ["name missing"], "data": {}}'),
    ("respond", "Which card?", "Error: that is the name of my band"),
    ("respond", "Which card?", "Please give only one suggestion."),
    ("respond", "Which card?", "You need to use the card that ends in 7."),
]


@pytest.mark.parametrize(("tool", "arguments", "result"), FINE)
def test_what_only_looks_like_an_error_is_none(tool, arguments, result):
    assert call_error(tool, arguments, result) is None


UNREADABLE = [
    "Previous response had parsing errors:\nERROR: No valid JSON found in response",
    "Error executing query: Your last `execute` action did not contain bash code",
    "Could not parse LLM output: I will look",
    "Invalid Format: Missing 'Action:' after 'Thought:'",
    "Please always provide EXACTLY ONE action in triple backticks, found 0 actions.",
    "Your output was not formatted correctly. You must always include one discussion and one command.",
    "No valid JSON found in your response",
    "Format error: no action",
    "Your response did not contain a tool call.",
    "No tool calls found in the response. Every response needs one.",
    "Error in code parsing:\nYour code snippet is invalid",
]


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
