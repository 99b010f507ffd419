"""Runs `quittance` as `python -m quittance`."""

from quittance.cli import main

main()
