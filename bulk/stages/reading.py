"""All stages in one actor, for machines without GPUs: units in, files of the output out.

Pools per stage would share the cores badly: while one stage has little to do, others have too many actors for the
cores, and pixels and text pass through the object store. With one actor per core, each core is busy until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from bulk.stages.writing import WriteStage

StageCall = tuple[type, dict[str, Any]]
"""The class of a stage, and the arguments to create it with."""


class ReadStage:
    """Reads the receipts of units and writes them.

    A task writes at least one file, and its files depend only on its units. So a task that is done again, because its
    machine was lost, replaces its files.

    Args:
        stages: The stages, the first of which yields tables.
        url: The output folder.
        rows_per_file: Maximum number of rows of a file.
    """

    def __init__(self, stages: Sequence[StageCall], url: str, rows_per_file: int) -> None:
        first, *others = (create(**arguments) for create, arguments in stages)
        self._first: Callable[[pa.Table], Iterable[pa.Table]] = first
        self._others: list[Callable[[pa.Table], pa.Table]] = others
        self._write = WriteStage(url)
        self._rows_per_file = rows_per_file

    def __call__(self, units: pa.Table) -> Iterator[pa.Table]:
        """Yield the description of each file that was written."""
        for rows in divide_rows(self._read(units), self._rows_per_file):
            yield self._write(rows)

    def _read(self, units: pa.Table) -> Iterator[pa.Table]:
        for table in self._first(units):
            for stage in self._others:
                table = stage(table)
            yield table


def divide_rows(tables: Iterable[pa.Table], most: int) -> Iterator[pa.Table]:
    """Yield the rows of tables, `most` at a time; the last table has what is left, which may be nothing."""
    waiting: pa.Table | None = None
    for table in tables:
        waiting = table if waiting is None else pa.concat_tables([waiting, table])
        while waiting.num_rows > most:
            yield waiting.slice(0, most)
            waiting = waiting.slice(most)
    if waiting is not None:
        yield waiting
