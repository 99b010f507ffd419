"""Revisions of the schema, applied by Alembic. `alembic revision -m MESSAGE --rev-id NNNN` adds one."""
