"""One module per revision, numbered. They only expand the schema; see `gateway/storage/database/revisions.py`."""
