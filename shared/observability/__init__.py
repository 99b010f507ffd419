"""Logs, metrics and traces of the gateway and the services."""
