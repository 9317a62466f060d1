"""`python -m textsim` is the `textsim` command."""

from textsim.cli.main import main

main(prog_name="textsim")
