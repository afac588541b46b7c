"""The program `halo-opt`: a table of verbs, each imported when it is called, and the exit code of a call."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from halo_opt import __version__
from halo_opt.core.errors import ExitCode, HaloError

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter, Parameter
    from typer._click.shell_completion import CompletionItem

PROGRAM = "halo-opt"
SHELLS = ("bash", "zsh", "fish", "powershell")
COMPLETION_VARIABLE = "_HALO_OPT_COMPLETE"  # typer's name for it: the scripts that it generates set this variable

# The verb `name` is the function `name_verb` in the module `halo_opt.cli.name_verb`. Each summary is also the first
# paragraph of that function's docstring.
VERBS = {
    "The loop": {
        "check": "Run one task and check that the harness does what halo-opt needs of it.",
        "run": "Run the whole loop: collect, analyze, propose, apply, collect again, keep or revert.",
        "collect": "Run the harness on the tasks of one split.",
        "diff": "Compare sets of attempts with the first one, paired by task and seed.",
    },
    "Traces that you have": {
        "import": "Index trace files and report what was read and what was rejected.",
        "analyze": "Find the behaviours that separate failures from successes, and write a report.",
        "diagnose": "Name the first decisive step of each failed attempt, what was wrong there, and whose fault it is.",
        "ask": "Answer a question about traces, citing the evidence.",
        "verify": "Make a report again from its traces and compare the two.",
        "export": "Write traces in a format that other programs read.",
    },
    "Patches": {
        "propose": "Turn the findings of a report into patches of the harness.",
        "apply": "Commit a patch on a new branch.",
        "revert": "Undo a patch with a new commit on its branch.",
    },
    "Looking at traces": {
        "overview": "Summarize traces: counts, outcomes, models, tools, kinds of errors.",
        "traces": "List attempts, filtered and sorted.",
        "show": "Show one attempt: its spans as a tree, with inputs and outputs.",
        "search": "Search the texts of all spans with a regular expression.",
        "stats": "Count actions, steps, repeats, cost or latency by outcome.",
        "sql": "Query the index with one SELECT.",
        "formats": "Show the trace formats that are read, with their field names and an example of each.",
        "schema": "List the tables and columns of the index.",
    },
    "More": {
        "cost": "Show what calls of models have cost.",
        "mcp": "Serve the traces to an MCP client such as Claude Code or Cursor.",
    },
}


class VerbOnDemand(TyperCommand):
    """A verb of which only name and summary are known until it is called, or asked for its help."""

    def make_context(self, *args: Any, **options: Any) -> "Context":
        """Import the verb's module and go on with the command in it."""
        assert self.name is not None
        function = getattr(import_module(f"halo_opt.cli.{self.name}_verb"), f"{self.name}_verb")
        verb = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
        verb.command(self.name)(function)
        context = get_command(verb).make_context(*args, **options)
        if not context.resilient_parsing:
            context.params = {name: _readable(name, value) for name, value in context.params.items()}
        return context


# Options that name what a verb writes.
_WRITTEN = {"out", "record", "store"}


def _readable(name: str, value: Any) -> Any:
    """The value of a parameter; a path that is read and leads to a pipe becomes the path of a file with its content."""
    if name in _WRITTEN:
        return value
    if isinstance(value, list):
        return [_readable(name, one) for one in value]
    if not isinstance(value, Path):
        return value
    from halo_opt.core.input_paths import as_file

    return as_file(value)


class OwnOption(TyperOption):
    """An option of the program itself: a flag or one word. Converting its value would make typer import pydantic."""

    def process_value(self, ctx: "Context", value: Any) -> Any:
        """Take the value as it was given."""
        return value if self.callback is None else self.callback(ctx, self, value)


class VerbGroup(TyperGroup):
    """The verbs, listed in `--help` under the headings of their table."""

    def get_params(self, ctx: "Context") -> "list[Parameter]":
        """The options of the program itself."""
        options = super().get_params(ctx)
        for option in options:
            option.__class__ = OwnOption
        return options

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:  # noqa: ARG002
        """Write one section for each heading."""
        width = max(len(name) for verbs in VERBS.values() for name in verbs)
        for heading, verbs in VERBS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in verbs.items()])

    def shell_complete(self, ctx: "Context", incomplete: str) -> "list[CompletionItem]":
        """The verbs that begin so, without their summaries: typer imports rich to write those."""
        completions = super().shell_complete(ctx, incomplete)
        for completion in completions:
            completion.help = None
        return completions


app = typer.Typer(
    name=PROGRAM,
    cls=VerbGroup,
    help="Find out why an AI agent fails, patch its harness, and measure whether the patch helps.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    show_completion: Annotated[
        str | None,
        typer.Option(
            "--show-completion",
            help="Print a script that completes halo-opt's verbs and options in this shell, and exit.",
            metavar="|".join(SHELLS),
        ),
    ] = None,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if show_completion is not None:
        if show_completion not in SHELLS:
            raise typer.BadParameter(f"{show_completion!r} is not one of {', '.join(SHELLS)}")
        from typer.completion import shell_complete

        raise typer.Exit(shell_complete(context.command, {}, PROGRAM, COMPLETION_VARIABLE, f"source_{show_completion}"))


def command() -> TyperGroup:
    """The whole program as one command, with its verbs not yet imported."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    # typer's own two options for completion, which come last, detect the running shell; scripts need to name it.
    del group.params[-2:]
    for verbs in VERBS.values():
        for name, summary in verbs.items():
            group.add_command(VerbOnDemand(name, help=summary))
    return group


def main() -> None:
    """Run one command and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. Every error that halo-opt raises on purpose becomes a message here."""
    try:
        result = command().main(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except HaloError as error:
        _fail(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        result = ExitCode.INTERRUPTED
    except SystemExit as end:
        # typer ends the process itself, with exit code 1, when the reader of our output (head, less) is gone.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        return ExitCode.DONE
    except OSError as error:
        if not isinstance(error.filename, str | bytes):
            raise
        from halo_opt.core.input_paths import shown

        # A path that the user gave, or one below it, of which the system says why it cannot be used.
        where = shown(Path(os.fsdecode(error.filename)))
        _fail(f"{where} cannot be used: {error.strerror}; check the path and its permissions")
        return ExitCode.USAGE
    except Exception as error:
        # Usage errors of the option parser carry their own message; anything else is a defect and shows its traceback.
        if not hasattr(error, "format_message"):
            raise
        _fail(_usage_message(error))
        return ExitCode.USAGE
    if result == ExitCode.INTERRUPTED:
        _fail("interrupted; finished work is kept, and the same command continues from there")
    return result if isinstance(result, int) else ExitCode.DONE


def _usage_message(error: Any) -> str:
    """What is wrong with the arguments, in the option parser's words, and where the right ones are described."""
    message = str(error.format_message()).replace("Value error, ", "").rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    options = {option for parameter in context.command.params for option in parameter.opts}
    if message.startswith("Got unexpected extra argument") and "--traces" in options:
        message += ": name traces with --traces"
    return f"{message}{'' if message.endswith('?') else '.'} See '{context.command_path} --help'."


def _fail(message: str) -> None:
    from halo_opt.core.console import Console

    Console().fail(message)
