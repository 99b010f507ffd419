"""Layers around every application: HEAD requests and security headers."""
