"""Invoices in XML: find them in documents, and read what they say."""
