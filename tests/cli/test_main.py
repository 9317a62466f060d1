"""The group of commands: its help, and the whole road."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import pytest

from tests.cli.command_line import ok
from textsim import __version__
from textsim.artifacts.saved_model import load_model
from textsim.cli.main import main

COMMANDS = main.list_commands(click.Context(main))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str) -> None:
    text = ok(command, "--help")
    assert text.startswith(f"Usage: main {command}")
    assert command == "models" or "Example" in text
    assert ok(command, "-h") == text


@pytest.mark.parametrize("command", ["build", "add", "remove", "info", "compact"])
def test_help_of_a_command_in_a_group_teaches(command: str) -> None:
    text = ok("index", command, "--help")
    assert text.startswith(f"Usage: main index {command}") and "Example" in text


def test_help_lists_every_command_and_completion() -> None:
    text = ok("--help")
    assert all(f"  {command} " in text for command in COMMANDS)
    assert "_TEXTSIM_COMPLETE=bash_source" in text


def test_every_option_is_explained() -> None:
    groups = [command for command in main.found.values() if isinstance(command, click.Group)]
    assert groups
    for command in [*main.found.values(), *(one for group in groups for one in group.commands.values())]:
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{command.name} {parameter.opts}"


def test_version() -> None:
    assert ok("--version") == f"textsim {__version__}\n"


@pytest.mark.skipif(sys.platform == "darwin" or os.name == "nt", reason="names must be UTF-8 there")
def test_the_whole_road_where_names_are_in_another_encoding(road: Path, demo: Path, tmp_path: Path) -> None:
    name, shown = os.fsdecode("数据".encode("gbk")), r"\xca\xfd\xbe\xdd"
    folder = tmp_path / name
    folder.mkdir()
    for source in (road / "train.tsv", road / "dev.tsv", demo / "characters.vec", demo / "digits_dev.csv"):
        (folder / source.name).write_bytes(source.read_bytes())
    rows = [folder / "train.tsv", "--dev", folder / "dev.tsv"]
    dataset, model = folder / f"{name}.set", folder / name
    vectors = ["--word-vectors", folder / "characters.vec"]
    assert f"dataset: {tmp_path}/{shown}/{shown}.set" in ok("preprocess", *rows, *vectors, "--out", dataset)
    said = ok("train", dataset, "--out", model, "--recipe", "word-vectors")
    assert f"model       {tmp_path}/{shown}/{shown}\n" in said
    card = ok("info", model)
    assert f"# {shown}\n" in card and f"{shown}.set" in card
    other = folder / f"{name}2"
    ok("train", dataset, "--out", other, "--init", model, "--seed", "1")
    assert load_model(other).provenance["continued_from"]["name"] == shown
    assert f"model: {model}3".replace(name, shown) in ok("calibrate", model, dataset, "--out", f"{model}3")
    assert f'load("{shown}3")' in ok("info", f"{model}3")
    said = ok("ensemble", model, other, "--dev", dataset, "--out", f"{model}4")
    assert f"model      {model}4".replace(name, shown) in said
    assert ok("preprocess", folder / "digits_dev.csv", "--dev-fraction", "0.5", "--out", folder / "digits")
