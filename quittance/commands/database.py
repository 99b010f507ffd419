"""The command `migrate`, which upgrades the database of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quittance import console

if TYPE_CHECKING:
    from gateway.storage.database.database import Database


def migrate() -> None:
    """Upgrade the database of the gateway to the schema of this release.

    A gateway that starts does the same, unless QUITTANCE_DATABASE_MIGRATE is off. Gateways of the previous release keep
    working.
    """
    from gateway.storage.database.database import DatabaseError

    with console.exit_on(DatabaseError):
        upgraded = _open_database().migrate()
    for place in upgraded:
        console.print_message(f"Upgraded {place}")
    if not upgraded:
        console.print_message("The database is up to date.")


def _open_database() -> Database:
    from gateway.settings import GatewaySettings
    from gateway.storage.database.opening import open_database
    from shared.startup import StartupError

    with console.exit_on(StartupError):
        return open_database(GatewaySettings.from_environment().storage)
