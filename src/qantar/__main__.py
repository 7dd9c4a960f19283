"""`python -m qantar` is the same as `qantar`."""

from qantar.cli import main

main()
