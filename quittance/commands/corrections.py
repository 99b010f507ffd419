"""The commands `corrections ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quittance.display import console

app = typer.Typer(help="Export or assign the corrections that the gateway stores.", no_args_is_help=True)


@app.callback()
def corrections() -> None:
    """Export or assign the corrections that the gateway stores."""


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="New folder for the data set, in the SROIE layout.")],
    pictures: Annotated[
        Path,
        typer.Option(metavar="DIR", help="The pictures as they were sent, under any name; the gateway stores none."),
    ],
    state: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="State directory of the gateway; by default the database in its settings."),
    ] = None,
    min_confidence: Annotated[
        float,
        typer.Option(
            "--least", min=0, max=1, help="Leave out receipts with an uncorrected field below this confidence."
        ),
    ] = 0.8,
    group: Annotated[
        str | None,
        typer.Option(metavar="GROUP", help="Group of API keys whose corrections to write; by default all."),
    ] = None,
) -> None:
    """Write corrected receipts as a data set for `quittance train`.

    Pictures are matched by their content. Exits with 1 if a corrected receipt was left out; standard error says why.
    """
    from gateway.corrections.store import CorrectionStoreError
    from gateway.settings import GatewaySettings
    from gateway.storage.database.opening import open_database
    from gateway.storage.database.sqlite import SqliteDatabase
    from quittance.evaluation.corrected import export_corrected
    from shared.learning.labels import DatasetError
    from shared.startup import StartupError

    with console.exit_on(DatasetError, StartupError, CorrectionStoreError):
        settings = GatewaySettings.from_environment().storage
        database = open_database(settings) if state is None else SqliteDatabase(state)
        result = export_corrected(database, pictures, target, min_confidence=min_confidence, group=group)
    for key, reason in result.left_out.items():
        console.print_message(f"{key}: left out, {reason}", style="yellow")
    console.print_message(f"Wrote {len(result.written)} receipts to {target}")
    raise typer.Exit(int(bool(result.left_out)))


@app.command()
def assign(
    group: Annotated[str, typer.Argument(metavar="GROUP", help="As shown by `quittance keys list`.")],
) -> None:
    """Give the corrections that were made without an API key to a group.

    Without that, only keys of operators see them once the gateway asks for keys.
    """
    from gateway.admission.api_keys import KeyStore, KeyStoreError
    from gateway.corrections.store import CorrectionStore, CorrectionStoreError
    from gateway.settings import GatewaySettings
    from gateway.storage.database.opening import open_database
    from shared.startup import StartupError

    with console.exit_on(StartupError, KeyStoreError, CorrectionStoreError):
        database = open_database(GatewaySettings.from_environment().storage)
        if group not in {key.group for key in KeyStore(database).list()}:
            console.print_message(f"No key is in the group {group!r}; see `quittance keys list`.", style="red")
            raise typer.Exit(1)
        count = CorrectionStore(database).assign(group)
    console.print_message(f"The corrections of {count} receipts now belong to {group}.")
