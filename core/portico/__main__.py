"""Runs the command line for `python -m portico`."""

from portico.cli import main

main()
