"""The `textsim` command: options -> settings -> one library call -> text on standard output.

A command is a module of this package, and is found there. Nothing but click is imported until a command runs, so that
help and completion answer at once.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from functools import cached_property
from typing import Any

import click

from textsim import __version__
from textsim.cli import __name__ as package
from textsim.cli import __path__ as folders
from textsim.cli.terminal import Command, CommandGroup, Failure, writable_streams


class Commands(click.Group):
    """The commands that the modules of this package define."""

    @cached_property
    def found(self) -> dict[str, click.Command]:
        """Every command, and every group of them, by its name."""
        names = [module.name for module in pkgutil.iter_modules(folders) if module.name != "main"]
        modules = [importlib.import_module(f"{package}.{name}") for name in names]
        commands = [
            value
            for module in modules
            for value in vars(module).values()
            if isinstance(value, Command | CommandGroup)
        ]
        in_groups = [
            command
            for group in commands
            if isinstance(group, CommandGroup)
            for command in group.commands.values()
        ]
        return {str(command.name): command for command in commands if command not in in_groups}

    def main(self, *arguments: Any, **options: Any) -> Any:
        with writable_streams():
            return super().main(*arguments, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.found)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self.found.get(cmd_name)


@click.group(
    cls=Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "show_default": True,
        "max_content_width": 110,
    },
)
@click.version_option(__version__, prog_name="textsim", message="%(prog)s %(version)s")
@click.option(
    "--import",
    "import_module",
    metavar="MODULE",
    multiple=True,
    help="Import a Python module first, of this folder or installed: one that registers parts of your own; may be "
    "repeated.",
)
def main(import_module: tuple[str, ...]) -> None:
    """Decide whether two Chinese sentences mean the same.

    \b
    From a file of labelled pairs to a scorer:
      textsim preprocess train.tsv --dev dev.tsv --out dataset
      textsim train dataset --out model
      textsim evaluate model dev.tsv
      textsim score model 花呗怎么还款 怎样还花呗

    \b
    Completion of commands, options and names, in bash (zsh and fish likewise):
      eval "$(_TEXTSIM_COMPLETE=bash_source textsim)"
    """
    # The process is this command's alone, whatever Keras is set to run on for others.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    for name in import_module:
        _import(name)


def _import(name: str) -> None:
    """Imports a module, from the working folder too, as `python -m` does."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        # What the module itself misses is its author's to see.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise Failure(f"--import {name}: there is no module {error.name!r}, here or installed.") from None
