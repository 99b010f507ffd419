"""The database of the gateway: SQLite files in the state directory, or PostgreSQL."""
