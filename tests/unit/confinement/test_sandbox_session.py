"""A session of cells: what it keeps, shows and says, and what a host function meets."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from halo_opt.confinement.python import Limits, Sandbox, SandboxMissing
from halo_opt.core.errors import InputError

LIMITS = Limits(seconds=60, grace=0.5, output_chars=300, host_calls=3, message_bytes=1 << 16, code_bytes=10_000)


def ask(question: str, times: int = 1) -> list[dict[str, object]]:
    """A host function with every way to fail."""
    match question:
        case "refuse":
            raise InputError("there is no table x; tables are attempts, steps")
        case "break":
            raise OSError(2, "No such file", "/home/me/secret")
        case "long":
            return [{"text": "x" * 100_000}]
        case "slow":
            time.sleep(0.6)
    return [{"question": question, "number": 1.5, "none": None, "text": "ä\ud800"}] * times


@pytest.fixture(scope="module")
def session():
    try:
        with Sandbox.start({"ask": ask}, LIMITS) as started:
            if started.kind != "linux":
                pytest.skip("this machine has no sandbox of Linux")
            yield started
    except SandboxMissing:
        pytest.skip("this machine has no sandbox")


def test_variables_functions_and_imports_last(session):
    assert session.run("import math\nx = 2\ndef double(n): return n * 2").value is None
    assert session.run("y = double(x)").error is None
    assert session.run("math.sqrt(y * x * 2)").value == "4.0"
    assert session.run("_ + 1").value == "5.0"


def test_a_cell_gives_what_it_printed_and_its_last_value(session):
    result = session.run("import sys\nprint('one')\nprint('two', file=sys.stderr)\n'three'")
    assert (result.stdout, result.value, result.error, result.state_lost) == ("one\ntwo\n", "'three'", None, False)
    assert session.run("x = 1").value is None
    assert session.run("for _ in range(2): print('x')").value is None
    assert session.run("").value is None


def test_output_is_cut_and_says_by_how_much(session):
    result = session.run("print('x' * 1000)\n'y' * 1000")
    assert result.stdout == "x" * 300 + "\n[701 more characters were cut off; print less]"
    assert result.value == "'" + "y" * 299 + "\n[702 more characters were cut off; print less]"


ORDINARY = [
    "from datetime import datetime; datetime.strptime('2026-05-04', '%Y-%m-%d').strftime('%A')",
    "from collections import Counter; Counter('abca').most_common(1)",
    "import statistics; statistics.linear_regression([1, 2, 3], [1, 2, 4])",
    "import json; json.loads(json.dumps({'a': [1, None]}, indent=1))",
    "import csv, io; list(csv.DictReader(io.StringIO('a,b\\n1,2')))",
    "import re; re.findall(r'\\w+', 'a b')",
    "import difflib; list(difflib.unified_diff(['a'], ['b']))",
    "from dataclasses import dataclass\n@dataclass\nclass A:\n  x: int\nA(1)",
    "from enum import Enum\nclass E(Enum): A = 1\nE.A",
    "import random; random.seed(1); random.sample(range(9), 3)",
    "import hashlib; hashlib.sha256(b'x').hexdigest()",
    "import unicodedata; unicodedata.normalize('NFC', 'ä').encode('latin-1')",
    "import warnings; warnings.warn('w')",
    "import pprint; pprint.pprint({'a': list(range(40))})",
    "import time; time.strftime('%H'), time.localtime().tm_year, time.time()",
    "import copy; copy.deepcopy({'a': [1]})",
    "import heapq, bisect, operator, itertools, functools, string, textwrap, decimal; decimal.Decimal('1.1')",
    "from urllib.parse import urlparse; urlparse('http://a/b?c')",
    "import uuid; uuid.uuid4()",
    "import numpy; numpy.__version__",
    "np.percentile([1, 2, 3], 50), np.histogram([1, 2], bins=2), np.unique([1, 1])",
    "np.linalg.svd(np.ones((3, 3))), np.fft.fft([1, 2])",
    "np.random.default_rng(0).choice([1, 2], 3), np.random.rand(2)",
    "np.polyfit([1, 2, 3], [1, 2, 3], 1), np.corrcoef([1, 2], [2, 1])",
    "np.datetime64('2026-01-01') + np.timedelta64(1, 'D')",
    "np.ma.masked_array([1, 2], [0, 1]), np.char.upper(['a']), np.strings.upper(['a'])",
    "np.array([1.0]) / 0",
    "np.ones((300, 300)) @ np.ones((300, 300))",
    "f'{1234567.891:,.1f} {\"x\":>5} {1e9:g}'",
    "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as o: print('x')\no.getvalue()",
    "import traceback\ntry: 1/0\nexcept Exception: traceback.print_exc()",
    "async def f(): return 1\nc = f(); c.close()",
    "import typing\nclass T(typing.NamedTuple):\n  a: int\nT(1)",
    "sorted([{'a': 2}, {'a': 1}], key=lambda row: row['a'])",
    "import gc; gc.collect()",
]


@pytest.mark.parametrize("code", ORDINARY)
def test_ordinary_analyses_run(session, code):
    assert session.run(code).error is None


def test_the_same_cell_gives_the_same_order_of_a_set_in_another_session(session):
    code = "list({'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'})"
    with Sandbox.start({}, LIMITS) as other:
        assert other.run(code).value == session.run(code).value


def test_an_error_shows_the_lines_of_cells_alone(session):
    session.run("def outer(x):\n    return inner(x)\ndef inner(x):\n    raise ValueError(f'bad {x}')")
    error = session.run("y = 1\nouter(7)").error
    assert [line.split(", ", 1)[1] for line in error.splitlines()[:-1]] == [
        "line 2, in <module>: outer(7)",
        "line 2, in outer: return inner(x)",
        "line 4, in inner: raise ValueError(f'bad {x}')",
    ]
    assert error.splitlines()[-1] == "ValueError: bad 7"
    assert "worker" not in error
    assert "SyntaxError: invalid syntax" in session.run("x = = 1").error


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("import pandas", "Only numpy and these modules are here: ast, base64"),
        ("open('/etc/passwd')", "There are no files, processes, settings or network here; get data from"),
        ("x = 'x' * 10**11", "A cell may use 4 GB; let SQL aggregate"),
        ("import threading; threading.Thread(target=print).start()", "There are no threads here; use a plain loop."),
        ("def f(): return f()\nf()", "Use a loop, or recurse less deeply."),
        ("input()", "Nobody answers input() here"),
        ("raise SystemExit", "The session goes on"),
    ],
)
def test_an_error_says_what_to_do_instead(session, code, advice):
    result = session.run(code)
    assert advice in result.error
    assert not result.state_lost


def test_host_functions_take_and_give_json(session):
    result = session.run("rows = ask('why', times=np.int64(2))\nprint(rows)\nlen(rows)")
    assert (result.value, result.host_calls, result.error) == ("2", 1, None)
    assert "'number': 1.5, 'none': None" in result.stdout
    assert session.run("ask(str(np.arange(3).sum()))[0]['question']").value == "'3'"


def test_a_host_function_that_a_variable_hid_is_back_in_the_next_cell(session):
    assert session.run("ask = 3\nask").value == "3"
    assert session.run("ask('x')[0]['question']").value == "'x'"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("ask('refuse')", "HostError: there is no table x; tables are attempts, steps"),
        ("ask('break')", "ask() failed on these arguments (FileNotFoundError); call it another way"),
        ("ask('long')", "the answer of ask() is 100,014 bytes long, more than 65,536; ask for fewer rows or columns"),
        ("ask('x' * 10**6)", "the arguments of ask() are 1,000,"),
        ("ask()", "was called wrongly: missing a required argument: 'question'"),
        ("ask('x', 'y', 'z')", "was called wrongly: too many positional arguments"),
        ("ask(object())", "a object cannot be given to a host function"),
        ("ask(float('nan'))", "not JSON compliant"),
    ],
)
def test_a_failed_host_call_says_why_and_can_be_caught(session, call, words):
    assert words in session.run(call).error
    assert session.run(f"try: {call}\nexcept Exception as e: print(e)").error is None
    assert "/home/me" not in str(session.run(call))


def test_host_calls_are_counted_and_bounded_by_the_host(session):
    result = session.run("for i in range(5):\n  try: ask(str(i))\n  except RuntimeError as e: print(i, e)")
    assert result.stdout.splitlines() == [
        f"{i} this cell has made its 3 host calls; ask for more with each, or in another cell" for i in (3, 4)
    ]
    assert result.host_calls == 5
    assert session.run("ask('x')[0]['question']").value == "'x'"


def test_a_long_cell_is_not_run(session):
    result = session.run("x = 1 #" + "x" * 10_000)
    assert "longer than 10,000 bytes and was not run; write a shorter one" in result.error
    assert session.run("'\ud800ä'").value == "'?ä'"


@pytest.fixture
def brief():
    """A session whose cells are interrupted soon, and killed only when they cannot be interrupted at all."""
    with Sandbox.start({"ask": ask}, Limits(seconds=0.5, grace=60)) as started:
        yield started


@pytest.fixture
def deadly():
    """A session whose cells are killed soon after they were interrupted."""
    with Sandbox.start({"ask": ask}, Limits(seconds=0.5, grace=0.5)) as started:
        yield started


@pytest.mark.usefixtures("session")
def test_a_slow_cell_is_interrupted_and_keeps_its_variables(brief):
    brief.run("x = 1")
    result = brief.run("x = 2\nprint('so far')\nwhile True: pass")
    assert not result.state_lost
    assert result.stdout == "so far\n"
    assert "ran longer than 0.5 s and was interrupted; the variables are kept. Do less at a time" in result.error
    assert brief.run("x").value == "2"


@pytest.mark.usefixtures("session")
def test_a_cell_that_cannot_be_interrupted_is_killed_and_says_that_its_variables_are_lost(deadly):
    deadly.run("x = 1")
    result = deadly.run("sum(range(10**12))")
    assert result.state_lost
    assert "could not be interrupted, so all variables are lost and the next cell starts afresh" in result.error
    assert "bound every loop" in result.error
    assert "NameError" in deadly.run("x").error


@pytest.mark.usefixtures("session")
def test_time_in_host_functions_is_not_the_cells(brief):
    result = brief.run("ask('slow')[0]['question']")
    assert (result.value, result.error) == ("'slow'", None)


@pytest.mark.usefixtures("session")
def test_a_cell_whose_time_is_over_gets_no_more_from_the_host(brief):
    result = brief.run(
        "try:\n  while True:\n    x = 1\nfinally:\n  try: ask('x')\n  except RuntimeError as e: print(e)"
    )
    assert result.stdout == "the cell's time is over\n"


@pytest.mark.usefixtures("session")
def test_used_up_processor_time_ends_the_process_and_says_so():
    with Sandbox.start({}, Limits(seconds=30, processor_seconds=1)) as busy:
        result = busy.run("while True: pass")
    assert result.state_lost
    assert "the cells used up 1 s of processor time" in result.error
    assert "let SQL do the work" in result.error


@pytest.mark.usefixtures("session")
def test_it_outlives_the_thread_that_started_it_and_serves_several_one_after_the_other():
    made, results = [], []
    starter = threading.Thread(target=lambda: made.append(Sandbox.start({}, LIMITS)))
    starter.start()
    starter.join()
    with made[0] as box:
        box.run("n = 0")
        threads = [threading.Thread(target=lambda: results.append(box.run("n += 1\nn").value)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == [str(n) for n in range(1, 9)]


@pytest.mark.usefixtures("session")
def test_it_dies_with_its_host_even_in_the_middle_of_a_cell():
    script = (
        "from halo_opt.confinement.python import Sandbox\nbox = Sandbox.start({})\n"
        "print(box.run('import os; os.getpid()').value, flush=True)\nbox.run('while True: pass')"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as host:
        pid = int(host.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        host.kill()
    for _ in range(1000):
        status = Path(f"/proc/{pid}/stat")
        # A process that nobody waited for stays as a zombie.
        if not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("the sandbox outlived its host")


@pytest.mark.usefixtures("session")
def test_a_closed_sandbox_leaves_no_process_and_says_that_it_is_closed():
    with Sandbox.start({}, LIMITS) as box:
        pid = int(box.run("import os; os.getpid()").value)
    assert not Path(f"/proc/{pid}").exists()
    box.close()
    for use in (lambda: box.run("1"), box.explain):
        with pytest.raises(InputError, match="this sandbox is closed; start another"):
            use()


def test_it_says_what_confines_it(session):
    words = session.explain()
    assert "Landlock (version " in words
    assert "16 attempts to break out were made after it was confined, and all were refused" in words
    assert session.kind == "linux"
