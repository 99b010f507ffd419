"""How the command line speaks: results on standard output, everything else on standard error."""

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


def print_plain(text: str) -> None:
    """Prints a result for programs, as it is."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def tell(message: str, style: str | None = None) -> None:
    """Writes a message to standard error as it is: file names and texts of receipts are no markup."""
    err.print(message, style=style, markup=False, soft_wrap=True, highlight=False)


def complain(path: Path, reason: str | None) -> None:
    """Tells why a file could not be read."""
    tell(f"{path}: {reason}", style="red")


@contextlib.contextmanager
def errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turns errors that are meant for people into a message and the exit status 1; others keep their traceback."""
    # Warnings of libraries are for the logs of a server.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        yield
    except kinds as error:
        tell(str(error), style="red")
        raise typer.Exit(1) from error


@contextlib.contextmanager
def progress(title: str, total: int | None) -> Iterator[Advance]:
    """A bar on standard error for more than one thing to do, if somebody sits there.

    Yields:
        A function that moves it on by one; it may be told the number of things once that is known.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=total == 1 or not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=total)

        def advance(known_total: int | None = None) -> None:
            bar.update(task, advance=1, total=known_total or total)

        yield advance
