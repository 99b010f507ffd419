"""The interface of a database: transactions for reading and for writing, whichever engine is behind them.

What a store does in a transaction is a plain function of a SQLAlchemy connection. SQLite runs it in a thread of the
state directory; PostgreSQL runs it in the event loop, where SQLAlchemy awaits the driver. `reading` and `writing`
block, for the command line.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy import Connection

from gateway.storage.database.revisions import is_current
from gateway.storage.database.schema import Part

Result = TypeVar("Result")


class DatabaseError(Exception):
    """The database cannot be read or written; the message says for an operator why, and what to do.

    Attributes:
        is_full: Whether there is no space.
        is_outage: Whether a server cannot be reached, so that nothing is known to be lost or damaged.
    """

    def __init__(self, message: str, *, is_full: bool = False, is_outage: bool = False) -> None:
        super().__init__(message)
        self.is_full = is_full
        self.is_outage = is_outage


def build_revision_error(place: str, revision: str | None) -> DatabaseError:
    """Return the error for a schema that only its own release can back up: another one would leave something out."""
    if is_current(revision):
        advice = "Run the command of the later release."
    else:
        advice = "Run the command of the earlier release; or upgrade the schema with `quittance migrate` first."
    return DatabaseError(f"{place} has the schema of another release ({revision or 'no revision'}). {advice}")


class Database(ABC):
    """Where the gateway keeps what must outlive the process.

    All methods but `aclose` raise `DatabaseError`. An `IntegrityError` of SQLAlchemy is raised as it is.

    Attributes:
        is_shared: Whether gateways on other machines may use it.
    """

    is_shared: bool

    @abstractmethod
    async def start(self) -> None:
        """Connect, and upgrade the schema where that is due, before the first request."""

    @abstractmethod
    async def read(self, part: Part, work: Callable[[Connection], Result], *, missing: Result) -> Result:
        """Return the result of work that sees the part at one moment; `missing` if nothing was ever written."""

    @abstractmethod
    async def write(self, part: Part, work: Callable[[Connection], Result]) -> Result:
        """Return the result of work in one transaction, rolled back after an error.

        The work is completed even if the caller is canceled.
        """

    @abstractmethod
    def reading(self, part: Part) -> AbstractContextManager[Connection | None]:
        """Open a part for reading, at one moment, outside the event loop; None if nothing was ever written."""

    @abstractmethod
    def writing(self, part: Part) -> AbstractContextManager[Connection]:
        """Open a part in one transaction, outside the event loop; rolled back after an error."""

    @abstractmethod
    def snapshot(
        self, parts: Sequence[Part], hold: Callable[[], None]
    ) -> AbstractContextManager[Mapping[Part, Connection]]:
        """Open parts as they are at one moment, outside the event loop; those never written are left out.

        Nothing is upgraded or written. `hold` is called at that moment, while no one changes jobs.
        """

    @abstractmethod
    def rewriting(self, parts: Sequence[Part]) -> AbstractContextManager[Mapping[Part, Connection]]:
        """Open parts to replace all they contain, outside the event loop, while no one else writes there.

        Parts in one database are in one transaction; others are committed one after the other, at the end.
        """

    @abstractmethod
    def migrate(self) -> list[str]:
        """Upgrade the schema of all parts, outside the event loop; return what was upgraded."""

    @abstractmethod
    def describe(self, part: Part) -> str:
        """Return where a part is stored, for messages: a path, or a server without its password."""

    @abstractmethod
    def has_file(self, part: Part) -> bool:
        """Whether a part is in a file, which something was therefore written to."""

    @abstractmethod
    async def shrink(self, part: Part) -> None:
        """Remove from the files of a part what was deleted."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close all connections."""
