"""Backups of what the gateway keeps in its database."""
