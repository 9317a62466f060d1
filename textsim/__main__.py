"""`python -m textsim` is the `textsim` command."""

from textsim.cli import main

main(prog_name="textsim")
