"""Codes by which tills and tax offices state what was sold; one module per country."""
