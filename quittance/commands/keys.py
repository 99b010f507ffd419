"""The commands `quittance keys`: make, list and revoke API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.markup import escape
from rich.table import Table

from quittance import console

if TYPE_CHECKING:
    from gateway.admission.api_keys import KeyBook

app = typer.Typer(
    help="Make, list and revoke the keys that callers of the gateway need. They are in QUITTANCE_STATE_DIRECTORY.",
    no_args_is_help=True,
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for.")],
    rate_limit: Annotated[
        str | None, typer.Option(help="Most requests, such as 60/minute; the gateway's own limit if left out.")
    ] = None,
) -> None:
    """Make a key. It is shown once; only its hash is kept.

    From the first key on, the gateway lets nobody in without one, unless QUITTANCE_ACCESS is open.
    """
    from gateway.admission.api_keys import KeyBookError

    try:
        key, secret = _book().create(name, rate_limit)
    except KeyBookError as error:
        _fail(str(error))
    console.err.print(
        f"The key {key.id} of {escape(key.name)}, shown this once. It works within a second.", soft_wrap=True
    )
    console.out.print(secret, markup=False, highlight=False, soft_wrap=True)


@app.command("list")
def list_keys() -> None:
    """List all keys, revoked ones too; the keys themselves cannot be shown."""
    keys = _book().list()
    if not keys:
        console.err.print("There are no keys. `quittance keys create NAME` makes one.")
        return
    table = Table("id", "name", "rate limit", "created", "revoked")
    for key in keys:
        table.add_row(key.id, escape(key.name), key.rate_limit or "", key.created, key.revoked or "")
    console.out.print(table)


@app.command()
def revoke(key: Annotated[str, typer.Argument(metavar="NAME|ID", help="As `quittance keys list` shows it.")]) -> None:
    """Revoke a key, for good; within a second it lets nobody in any more."""
    from gateway.admission.api_keys import KeyBookError

    try:
        revoked = _book().revoke(key)
    except KeyBookError as error:
        _fail(str(error))
    console.err.print(f"The key {revoked.id} of {escape(revoked.name)} is revoked.")


def _book() -> KeyBook:
    from gateway.admission.api_keys import KeyBook
    from gateway.settings import GatewaySettings
    from shared.service.settings import SettingsError

    try:
        return KeyBook(GatewaySettings.from_environment().state_directory)
    except SettingsError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    console.err.print(escape(message), style="red", soft_wrap=True)
    raise typer.Exit(1)
