"""Output of the command line: results on standard output, everything else on standard error."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from rich.console import Console

out = Console()
err = Console(stderr=True)

Advance = Callable[..., None]


def print_result(text: str) -> None:
    """Print a result for programs, without markup or line breaks of the terminal."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def make_printable(text: str) -> str:
    """Replace what drives a terminal or is not text, such as bytes in the name of a file; keep line breaks."""
    return "".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text)


def print_message(message: str, style: str | None = None) -> None:
    """Print a message to standard error; file names and texts of receipts are not markup."""
    err.print(make_printable(message), style=style, markup=False, soft_wrap=True, highlight=False)


def print_failure(path: Path, reason: str | None) -> None:
    """Print why a file could not be read."""
    print_message(f"{path}: {reason}", style="red")


@contextlib.contextmanager
def exit_on(*kinds: type[Exception]) -> Iterator[None]:
    """Print errors that are meant for people and exit with 1; other errors keep their traceback."""
    # Warnings of libraries belong to the logs of a server.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        yield
    except kinds as error:
        print_message(_explain(error), style="red")
        raise typer.Exit(1) from error


def _explain(error: Exception) -> str:
    """Return the message of an error; for one of the operating system, which file or output it is about."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else f"Results cannot be written: {error.strerror}"


@contextlib.contextmanager
def show_progress(title: str, total: int | None) -> Iterator[Advance]:
    """Show a progress bar on standard error if it is a terminal and there is more than one item.

    Yields:
        A function that advances the bar by one. It takes the total number of items once that is known.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=total == 1 or not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=total)

        def advance(known_total: int | None = None) -> None:
            bar.update(task, advance=1, total=known_total or total)

        yield advance
