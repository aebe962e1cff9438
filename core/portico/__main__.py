"""`python -m portico` is the command line."""

from portico.cli import main

main()
