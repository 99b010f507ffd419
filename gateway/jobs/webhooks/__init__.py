"""Webhooks, which notify other systems when a job is done."""
