"""The commands `migrate`, `backup` and `restore`, for the database of the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quittance.display import console

if TYPE_CHECKING:
    from gateway.settings import GatewaySettings
    from gateway.storage.database.database import Database

_WithoutJobs = Annotated[bool, typer.Option("--no-jobs", help="Leave out jobs, with their files and results.")]


def migrate() -> None:
    """Upgrade the database of the gateway to the schema of this release.

    A gateway that starts does the same, unless QUITTANCE_DATABASE_MIGRATE is off. Gateways of the previous release keep
    working.
    """
    with _open_database() as (database, _):
        upgraded = database.migrate()
    for place in upgraded:
        console.print_message(f"Upgraded {place}")
    if not upgraded:
        console.print_message("The database is up to date.")


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="New file, readable by you only.")],
    no_jobs: _WithoutJobs = False,
) -> None:
    """Save API keys, corrections and jobs in one file, while gateways run.

    The file contains the text of receipts and the pictures that jobs have not read yet: keep it safe.
    """
    from gateway.backup.saving import save_backup

    with _open_database() as (database, settings):
        with_jobs = not no_jobs and _has_jobs(settings)
        summary = save_backup(database, settings.storage.state_directory, file, with_jobs=with_jobs)
    console.print_message(f"Saved in {file}. {summary}.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Written by `quittance backup`, of either database.")],
    force: Annotated[bool, typer.Option("--force", help="Delete what the database contains.")] = False,
    no_jobs: _WithoutJobs = False,
) -> None:
    """Restore API keys, corrections and jobs from a backup, while gateways run or not.

    The database may be another one than that of the backup: a backup of SQLite can be restored into PostgreSQL. It must
    be empty, or is emptied with --force. Restart the gateways then, because they keep to API keys that they have seen.
    """
    from gateway.backup.restoring import restore_backup

    with _open_database() as (database, settings):
        with_jobs = not no_jobs and _has_jobs(settings)
        directory = settings.storage.state_directory
        summary = restore_backup(database, directory, file, replaces=force, with_jobs=with_jobs)
    left_out = "" if with_jobs else " The jobs were left out."
    console.print_message(f"Restored what was saved at {summary.created}. {summary}.{left_out}")


def _has_jobs(settings: GatewaySettings) -> bool:
    """Return whether jobs are in the database; say so if they are not."""
    if settings.storage.redis_url is None or not settings.jobs.job_redis:
        return True
    console.print_message("Jobs are in Redis, so they are left out.")
    return False


@contextmanager
def _open_database() -> Iterator[tuple[Database, GatewaySettings]]:
    from gateway.backup.backup_file import BackupError
    from gateway.settings import GatewaySettings
    from gateway.storage.database.database import DatabaseError
    from gateway.storage.database.opening import open_database
    from shared.startup import StartupError

    with console.exit_on(StartupError, DatabaseError, BackupError):
        settings = GatewaySettings.from_environment()
        yield open_database(settings.storage), settings
