"""The command `bulk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from quittance.display import console
from shared.contracts import Split

if TYPE_CHECKING:
    from bulk.summary import Summary

_MISSING = "Bulk extraction needs Ray, which is not installed. Run `pip install 'quittance[bulk]'`."
_PANEL = "Cluster"


def bulk(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Pictures and PDFs: files, folders, patterns, zips, tars, or Parquet files with a column of bytes. "
            "Paths or URLs (s3://, gs://, az://).",
        ),
    ],
    output: Annotated[str, typer.Argument(help="Folder for Parquet files, path or URL. A run that stopped goes on.")],
    address: Annotated[
        str | None,
        typer.Option(
            envvar="RAY_ADDRESS",
            help="Ray cluster to use, for example auto or 10.0.0.5:6379; by default, one is started here.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    cpus: Annotated[
        int | None, typer.Option(min=1, help="Cores to use here; all by default.", rich_help_panel=_PANEL)
    ] = None,
    gpus_per_actor: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="GPUs of an actor of the detector or the recognizer, such as 0.25; 0 for none. By default 0.5 if the "
            "cluster has GPUs.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    max_actors: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of actors per stage.", rich_help_panel=_PANEL)
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option(
            min=100,
            metavar="MIB",
            help="Memory here for pixels between the stages, in MiB; a third of the machine's by default.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    split: Annotated[
        Split | None,
        typer.Option(
            "--split",
            help="Read each receipt in a file: auto finds them on pages, several on a page, and those with several "
            "pages; receipts takes no two pages as one; pages takes each page as one. By default, a file is a receipt.",
        ),
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Confidence below which a field needs review.")] = 0.8,
    rows_per_file: Annotated[
        int, typer.Option(min=1, help="Rows of an output file. What is not in a file is read again after a stop.")
    ] = 256,
) -> None:
    """Read millions of receipts into Parquet, on one machine or a Ray cluster.

    What is in OUTPUT is not read again. A file that cannot be read becomes a row with its error. Settings of the
    services apply (QUITTANCE_...).
    """
    try:
        from bulk.locations import BulkError
        from bulk.options import BulkOptions, StageOptions
        from bulk.run import run_bulk
    except ModuleNotFoundError as error:
        if error.name not in ("ray", "pyarrow", "fsspec"):
            raise
        console.print_message(_MISSING, style="red")
        raise typer.Exit(1) from error
    from quittance.display.bulk_progress import BulkProgress, describe
    from shared.startup import StartupError

    with console.exit_on(BulkError, StartupError), BulkProgress() as progress:
        options = BulkOptions(
            inputs=tuple(inputs),
            output=output,
            address=address,
            cpus=cpus,
            gpus_per_actor=gpus_per_actor,
            max_actors=max_actors,
            split=split,
            threshold=threshold,
            rows_per_file=rows_per_file,
            object_store_bytes=None if memory is None else memory * 2**20,
            stages=StageOptions.from_environment(),
        )
        summary: Summary = run_bulk(options, progress.show)
    console.print_result(describe(summary))
