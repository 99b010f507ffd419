"""`python -m quittance` is the command `quittance`."""

from quittance.cli import main

main()
