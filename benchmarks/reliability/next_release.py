"""`quittance` as the next release might be: with one more revision of the schema, which it applies when it starts.

python -m benchmarks.reliability.next_release serve gateway
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from gateway.storage.database import postgres, revisions, sqlite
from gateway.storage.database.schema import HEAD
from quittance import cli

NEXT = f"{int(HEAD) + 1:04}"
_REVISION = f'''
"""Add a column and an index to tables in use, and a table."""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{HEAD}"


def upgrade():
    op.add_column("receipts", sa.Column("note", sa.Text))
    op.create_index("receipts_by_company", "receipts", ["company"])
    op.create_table("notes", sa.Column("id", sa.Text, primary_key=True))
'''


def main() -> None:
    """Run the command line with one more revision."""
    with tempfile.TemporaryDirectory() as folder:
        migrations = Path(shutil.copytree(revisions._MIGRATIONS, Path(folder) / "migrations"))
        (migrations / "versions" / "next.py").write_text(_REVISION)
        revisions._MIGRATIONS = migrations
        for module in (revisions, postgres, sqlite):
            vars(module)["HEAD"] = NEXT
        cli.main()


if __name__ == "__main__":
    main()
