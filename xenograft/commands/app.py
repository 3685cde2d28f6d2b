"""The command line: progress on standard error, results on standard output, exit codes of docs/commands.md."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import typer

from xenograft.commands import compare, fit, numbers, pages, panel, plan, study, trials
from xenograft.errors import XenograftError

INTERNAL_ERROR, INTERRUPTED = 4, 130
LOG = "xenograft.log"

app = typer.Typer(
    help="Bayesian analysis of mouse xenograft studies.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (study, fit, panel, plan, trials, numbers, compare, pages):
    app.add_typer(commands.app)


def main() -> None:
    """Entry point: every outcome is a sentence and an exit code, never a traceback."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer turns an interruption into this exit code without a word
            typer.echo("xenograft: interrupted; files that were there before are unchanged.", err=True)
        raise
    except XenograftError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        typer.echo(f"xenograft: internal error ({type(error).__name__}: {error}). {_logged()}", err=True)
        sys.exit(INTERNAL_ERROR)


def _logged() -> str:
    """Write the traceback of the current error to the log file; what to do with it, in words."""
    try:
        Path(LOG).write_text(traceback.format_exc(), encoding="utf-8")
    except OSError as error:
        return f"Please report it; {LOG} could not be written ({error.strerror})."
    return f"Please report it with {LOG}."
