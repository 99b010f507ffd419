"""Clients for the three model services."""
