"""Chooses the database by the settings."""

from __future__ import annotations

from gateway.settings import StorageSettings
from gateway.storage.database.database import Database
from gateway.storage.database.sqlite import SqliteDatabase
from gateway.storage.secrets import read_secret


def open_database(settings: StorageSettings) -> Database:
    """Return the database of the settings, which connects when it is used.

    Raises:
        StartupError: If the file with its password cannot be read.
    """
    if settings.database_url is None:
        return SqliteDatabase(settings.state_directory)
    # Its driver takes a while to load.
    from gateway.storage.database.postgres import PostgresDatabase

    password = read_secret(settings.database_password_file, "QUITTANCE_DATABASE_PASSWORD_FILE")
    url = settings.database_url.get_secret_value()
    return PostgresDatabase(url, password=password, migrates=settings.database_migrate)
