"""The command `doctor`."""

from __future__ import annotations

import typer
from rich.markup import escape

from quittance.display import console


def doctor() -> None:
    """Check this machine: processor, engine, weights, Redis, state directory, ports.

    Exits with 1 if something would keep Quittance from running.
    """
    from quittance.doctor import examine

    marks = {"ok": "[green]ok  [/green]", "note": "[yellow]note[/yellow]", "fail": "[red]FAIL[/red]"}
    failed = False
    for finding in examine():
        failed = failed or finding.state == "fail"
        line = f"{marks[finding.state]}  {escape(finding.subject)}: {escape(finding.detail)}"
        console.out.print(line, soft_wrap=True, highlight=False)
    raise typer.Exit(int(failed))
