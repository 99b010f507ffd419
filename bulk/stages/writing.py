"""The last stage: write rows as files of the output, and describe each."""

from __future__ import annotations

import pyarrow as pa

from bulk.output import OutputFolder
from bulk.summary import WRITTEN_SCHEMA, summarize_rows


class WriteStage:
    """Writes each table as one file. A task per file instead would often have to start a process, which takes seconds.

    Args:
        url: The output folder.
    """

    def __init__(self, url: str) -> None:
        self._output = OutputFolder(url)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Write rows as one file of the output, and describe it; see `Summary.add`."""
        if not rows.num_rows:
            return WRITTEN_SCHEMA.empty_table()
        self._output.write(rows)
        return summarize_rows(rows)
