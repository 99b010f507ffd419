"""SQLite: one file per part of the database, in the state directory.

The cache may lose everything at any time; jobs, corrections and API keys may not. Several processes of one machine
share the files. The directory must not be on a network file system, where SQLite's locks do not work.

Files are readable by their owner only, in whatever directory they are: they contain the text of receipts. Reading
changes nothing but the schema of an earlier release, and works where nothing can be written: in a read-only directory,
and on a full disk.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from gateway.storage.database.database import Database, DatabaseError, Result, build_revision_error
from gateway.storage.database.revisions import create_tables, find_revision, is_current, upgrade_schema
from gateway.storage.database.schema import HEAD, JOBS, PARTS, QUEUE, Part
from gateway.storage.disk_space import is_disk_full
from gateway.storage.threads import run_in_state_thread

_LOCK_TIMEOUT_S = 5.0
_PRIVATE_MODE = 0o600
# Parts whose rows refer to each other.
_LINKED = (JOBS, QUEUE)
_ACCESS_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
# The files that SQLite keeps next to a database while it is in use.
_COMPANIONS = ("", "-wal", "-shm")


class _SqliteConnection(sqlite3.Connection):
    """A connection that may read without coordination with writers, if there can be none."""

    is_coordinated = True


class SqliteDatabase(Database):
    """A database in the state directory.

    Nothing is created before the first write. Opening a connection takes about a tenth of a millisecond, and threads do
    not share it, so there is no pool: a file that was moved or replaced is noticed at once.

    Args:
        directory: See `GatewaySettings.state_directory`.
    """

    is_shared = False

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._engines: dict[tuple[str, bool], Engine] = {}
        # Device and inode of the file of each part that has the tables of this release.
        self._current: dict[str, tuple[int, int]] = {}

    async def start(self) -> None:
        """Implement `Database.start`: a file that cannot be upgraded now is upgraded when it is opened."""
        await run_in_state_thread(self._upgrade_files)

    async def read(self, part: Part, work: Callable[[Connection], Result], *, missing: Result) -> Result:
        """Implement `Database.read`."""
        return await run_in_state_thread(self._read, part, work, missing)

    async def write(self, part: Part, work: Callable[[Connection], Result]) -> Result:
        """Implement `Database.write`."""
        return await run_in_state_thread(self._write, part, work)

    @contextmanager
    def reading(self, part: Part) -> Iterator[Connection | None]:
        """Implement `Database.reading`.

        No directory, file or table is created. If SQLite cannot create the files it uses to coordinate with writers,
        because the directory is read-only or the disk is full, the file is read without them.
        """
        path = self._get_path(part)
        with self._translate_errors(part):
            try:
                before = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                before = None
        if before is None:
            yield None
            return
        if not self._is_current(part, before):
            # The schema of an earlier release is upgraded, which is the only thing that reading ever writes.
            with self.writing(part):
                pass
        with self._translate_errors(part), self._get_engine(part, writes=False).connect() as connection:
            yield connection
            if not _is_coordinated(connection) and _has_changed(path, before):
                raise sqlite3.OperationalError("the file changed while it was read")

    @contextmanager
    def writing(self, part: Part) -> Iterator[Connection]:
        """Implement `Database.writing`. Other writers wait for up to five seconds."""
        with self._translate_errors(part):
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._get_path(part)
            if not path.exists():
                _create(path, part)
            with self._get_engine(part, writes=True).begin() as connection:
                if not self._is_known(part, path.stat()) and not is_current(find_revision(connection)):
                    upgrade_schema(connection, [part])
                yield connection

    @contextmanager
    def snapshot(self, parts: Sequence[Part], hold: Callable[[], None]) -> Iterator[Mapping[Part, Connection]]:
        """Implement `Database.snapshot`: parts that refer to each other are held for a moment, and then read."""
        existing = [part for part in parts if self.has_file(part)]
        for part in existing:
            self._require_revision(part)
        with ExitStack() as readers, ExitStack() as writers:
            for part in existing:
                if part in _LINKED:
                    writers.enter_context(self.writing(part))
            opened: dict[Part, Connection] = {}
            for part in existing:
                connection = readers.enter_context(self.reading(part))
                if connection is not None:
                    # The transaction sees the moment of its first statement.
                    find_revision(connection)
                    opened[part] = connection
            hold()
            writers.close()
            yield opened

    @contextmanager
    def rewriting(self, parts: Sequence[Part]) -> Iterator[Mapping[Part, Connection]]:
        """Implement `Database.rewriting`: files are committed in the order of the parts."""
        missing = [part for part in parts if not self.has_file(part)]
        try:
            with ExitStack() as stack:
                yield {part: stack.enter_context(self.writing(part)) for part in reversed(parts)}
        except BaseException:
            # A file without rows looks as if it had lost them.
            for path in (self._get_path(part) for part in missing):
                for suffix in _COMPANIONS:
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
            raise

    def migrate(self) -> list[str]:
        """Implement `Database.migrate`."""
        upgraded = []
        for part in PARTS:
            if self._upgrade_file(part):
                upgraded.append(self.describe(part))
        return upgraded

    def describe(self, part: Part) -> str:
        """Implement `Database.describe`."""
        return str(self._get_path(part))

    def has_file(self, part: Part) -> bool:
        """Implement `Database.has_file`."""
        return self._get_path(part).exists()

    async def shrink(self, part: Part) -> None:
        """Implement `Database.shrink`: remove the deleted text from the log of writers."""
        await run_in_state_thread(self._truncate_log, part)

    async def aclose(self) -> None:
        """Implement `Database.aclose`: no connection stays open."""

    def _upgrade_files(self) -> None:
        for part in PARTS:
            # Reported as long as it lasts, when the file is used.
            with suppress(DatabaseError):
                self._upgrade_file(part)

    def _upgrade_file(self, part: Part) -> bool:
        """Upgrade a file, if it exists and is of an earlier release; return whether it was."""
        path = self._get_path(part)
        with self._translate_errors(part):
            if not path.exists() or self._is_current(part, path.stat()):
                return False
        with self.writing(part):
            return True

    def _read(self, part: Part, work: Callable[[Connection], Result], missing: Result) -> Result:
        with self.reading(part) as connection:
            return missing if connection is None else work(connection)

    def _write(self, part: Part, work: Callable[[Connection], Result]) -> Result:
        with self.writing(part) as connection:
            return work(connection)

    def _truncate_log(self, part: Part) -> None:
        with self._translate_errors(part):
            connection = _connect_for_writing(self._get_path(part), part)
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()

    def _is_current(self, part: Part, file: os.stat_result) -> bool:
        """Return whether a file has the tables of this release; once it has, only another file can lack them."""
        if self._is_known(part, file):
            return True
        with self._translate_errors(part), self._get_engine(part, writes=False).connect() as connection:
            # Without any table, the file has lost them: creating new ones would hide that.
            if not is_current(find_revision(connection)):
                return not inspect(connection).get_table_names()
        self._current[part.name] = (file.st_dev, file.st_ino)
        return True

    def _require_revision(self, part: Part) -> None:
        with self._translate_errors(part), self._get_engine(part, writes=False).connect() as connection:
            revision = find_revision(connection)
        if revision != HEAD:
            raise build_revision_error(self.describe(part), revision)

    def _is_known(self, part: Part, file: os.stat_result) -> bool:
        return self._current.get(part.name) == (file.st_dev, file.st_ino)

    def _get_path(self, part: Part) -> Path:
        return self._directory / f"{part.name}.sqlite3"

    def _get_engine(self, part: Part, *, writes: bool) -> Engine:
        engine = self._engines.get((part.name, writes))
        if engine is None:
            path = self._get_path(part)

            def connect() -> sqlite3.Connection:
                return _connect_for_writing(path, part) if writes else _connect_for_reading(path)

            engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
            # SQLAlchemy leaves it to the driver to begin transactions, which would begin them with the first change.
            begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
            self._engines[part.name, writes] = engine
        return engine

    @contextmanager
    def _translate_errors(self, part: Part) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (DBAPIError, sqlite3.Error, OSError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise _describe_error(self._get_path(part), cause) from error


def _describe_error(path: Path, error: BaseException | None) -> DatabaseError:
    """Say for an operator why a database cannot be used, and what to do."""
    name = getattr(error, "sqlite_errorname", "")
    number = error.errno if isinstance(error, OSError) else None
    is_full = name == "SQLITE_FULL" or number in (errno.ENOSPC, errno.EDQUOT) or is_disk_full(path.parent)
    if is_full:
        advice = f"The disk is full: free some space in {path.parent}."
    # SQLITE_ERROR: a table or column is missing.
    elif name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")) or name == "SQLITE_ERROR":
        advice = "The file is damaged: restore it from a backup."
    elif name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        advice = "Another process has locked it: try again."
    elif name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")) or number in _ACCESS_ERRORS:
        advice = f"Check that the user of this process may read and write {path.parent} and its files."
    else:
        advice = f"Check {path.parent} and its file system."
    return DatabaseError(f"{path} cannot be used ({error}). {advice}", is_full=is_full)


def _create(path: Path, part: Part) -> None:
    """Create a database with all its tables, so that no other process ever sees it without; unless there is one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE_MODE))
        engine = create_engine("sqlite://", creator=lambda: _connect_for_writing(draft, part), poolclass=NullPool)
        with engine.begin() as connection:
            create_tables(connection, [part])
        # Another process may have been faster; a file system without links gets the file from SQLite.
        with suppress(OSError):
            os.link(draft, path)
    finally:
        for suffix in _COMPANIONS:
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _connect_for_writing(path: Path, part: Part) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S, isolation_level=None, factory=_SqliteConnection)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if part.is_durable else 'NORMAL'}")
        # Deleted rows are overwritten, because they hold the text of receipts.
        connection.execute("PRAGMA secure_delete = ON")
        _make_private(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    """Make a database readable by its owner only; earlier releases, and copies, made it readable by others."""
    for suffix in _COMPANIONS:
        with suppress(OSError):  # the file does not exist, or belongs to someone else
            file = path.with_name(path.name + suffix)
            if file.stat().st_mode & 0o077:
                file.chmod(_PRIVATE_MODE)


def _connect_for_reading(path: Path) -> sqlite3.Connection:
    try:
        return _connect_read_only(path, "mode=ro")
    except sqlite3.OperationalError:
        # Without the log of writers, the file is complete.
        if _has_log(path):
            raise
        connection = _connect_read_only(path, "immutable=1")
        connection.is_coordinated = False
        return connection


def _connect_read_only(path: Path, option: str) -> _SqliteConnection:
    name = f"file:{quote(str(path))}?{option}"
    connection = sqlite3.connect(
        name, uri=True, timeout=_LOCK_TIMEOUT_S, isolation_level=None, factory=_SqliteConnection
    )
    try:
        # SQLite opens the file with the first reading.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_coordinated(connection: Connection) -> bool:
    return bool(getattr(connection.connection.dbapi_connection, "is_coordinated", True))


def _has_log(path: Path) -> bool:
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def _has_changed(path: Path, before: os.stat_result) -> bool:
    now = path.stat()
    return (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns) or (
        _has_log(path)
    )
