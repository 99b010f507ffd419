"""The command `doctor`."""

from __future__ import annotations

import typer
from rich.markup import escape

from quittance import console


def doctor() -> None:
    """Look at what Quittance needs on this machine: processor, engine, weights, Redis, state, ports.

    Ends with 1 if anything would keep it from running.
    """
    from quittance.doctor import examine

    marks = {"good": "[green]good[/green]", "note": "[yellow]note[/yellow]", "bad": "[red]bad[/red] "}
    bad = False
    for finding in examine():
        bad = bad or finding.state == "bad"
        console.out.print(f"{marks[finding.state]}  {escape(finding.what)}: {escape(finding.detail)}", soft_wrap=True)
    raise typer.Exit(int(bad))
