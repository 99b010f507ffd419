"""The commands `keys ...`: create, list and revoke API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from quittance.display import console

if TYPE_CHECKING:
    from gateway.admission.api_keys import KeyStore

app = typer.Typer(
    help="Create, list and revoke API keys of the gateway. They are stored in QUITTANCE_STATE_DIRECTORY, or "
    "in the database of QUITTANCE_DATABASE_URL.",
    no_args_is_help=True,
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what the key is for.")],
    rate_limit: Annotated[
        str | None,
        typer.Option(metavar="LIMIT", help="Maximum rate, such as 60/minute; by default the limit of the gateway."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="GROUP",
            help="Group that shares its receipts, jobs and corrections with the key; by default the key has its own.",
        ),
    ] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="Give the key access to the receipts, jobs and corrections of all.")
    ] = False,
) -> None:
    """Create a key. It is printed once; only its hash is stored.

    Once there is a key, the gateway rejects requests without one, unless QUITTANCE_ACCESS is open.
    """
    from gateway.admission.api_keys import KeyStoreError

    with console.exit_on(KeyStoreError):
        key, secret = _open_key_store().create(name, rate_limit, group=group, is_operator=operator)
    console.print_message(f"Created key {key.id} for {key.name}. It is valid within a second and is not shown again:")
    console.print_result(secret)


@app.command("list")
def list_keys() -> None:
    """List all keys, including revoked ones. The keys themselves cannot be shown."""
    from gateway.admission.api_keys import KeyStoreError

    with console.exit_on(KeyStoreError):
        keys = _open_key_store().list()
    if not keys:
        console.print_message("There are no keys. Create one: quittance keys create NAME")
        return
    table = Table("ID", "Name", "Group", "Operator", "Rate limit", "Created", "Revoked")
    for key in keys:
        operator, revoked = "yes" if key.is_operator else "", key.revoked or ""
        table.add_row(key.id, escape(key.name), escape(key.group), operator, key.rate_limit or "", key.created, revoked)
    console.out.print(table)


@app.command()
def revoke(key: Annotated[str, typer.Argument(metavar="NAME|ID", help="As shown by `quittance keys list`.")]) -> None:
    """Revoke a key for good. The gateway rejects it within a second."""
    from gateway.admission.api_keys import KeyStoreError

    with console.exit_on(KeyStoreError):
        revoked = _open_key_store().revoke(key)
    console.print_message(f"Revoked key {revoked.id} for {revoked.name}.")


def _open_key_store() -> KeyStore:
    from gateway.admission.api_keys import KeyStore
    from gateway.settings import GatewaySettings
    from gateway.storage.database.opening import open_database
    from shared.startup import StartupError

    with console.exit_on(StartupError):
        return KeyStore(open_database(GatewaySettings.from_environment().storage))
