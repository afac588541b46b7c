"""The verbs, and how the command ends. Data goes to stdout, messages to stderr.

Exit codes: 0 done, 1 the answer is no (verify-exploration), 2 the input cannot be used, 3 the machine lacks something,
130 interrupted.
"""

import os
import signal
import sys

import typer

from harness.cli.check_verbs import check, describe, smoke
from harness.cli.debug_verb import debug
from harness.cli.exploration_verb import verify_exploration
from harness.cli.output import log
from harness.cli.run_verbs import eval_attempts, matrix, rollout
from harness.cli.skill_verbs import skills_app
from harness.cli.task_verbs import tasks_app
from harness.core.errors import HarnessError

INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A browser agent: run it on tasks, measure it, inspect attempts. Data goes to stdout, messages to stderr.",
)
app.add_typer(tasks_app, name="tasks")
app.add_typer(skills_app, name="skills")
app.command("eval")(eval_attempts)
app.command("matrix")(matrix)
app.command("rollout")(rollout)
app.command("verify-exploration")(verify_exploration)
app.command("debug")(debug)
app.command("smoke")(smoke)
app.command("describe")(describe)
app.command("check")(check)


def _terminate(*_: object) -> None:
    """Treat SIGTERM as an interrupt, so that `finally` clauses run and end the browsers."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; every expected error is one sentence on stderr."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app(standalone_mode=False)
        # The option parser returns this code for an interrupt.
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except HarnessError as error:
        log(f"error: {error}")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        log("interrupted; finished attempts are kept")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output (head, less) is gone; Python would complain again while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        # Usage errors of the option parser have a message of their own; anything else is a defect.
        if not hasattr(error, "format_message"):
            raise
        log(f"error: {error.format_message()}")
        sys.exit(2)
