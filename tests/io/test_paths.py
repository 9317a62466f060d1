"""Paths: targets and sources, names of any encoding."""

from __future__ import annotations

import os

import pytest

from textsim.errors import InputError
from textsim.io.paths import as_text, check_target


def test_nothing_takes_the_place_of_what_is_read(tmp_path):
    source = tmp_path / "set" / "a.tsv"
    source.parent.mkdir()
    source.write_text("x")
    (tmp_path / "hard.tsv").hardlink_to(source)
    for target in (
        source,
        tmp_path / "set" / ".." / "set" / "a.tsv",
        tmp_path / "set",
        tmp_path / "hard.tsv",
    ):
        with pytest.raises(
            InputError, match=r"would take the place of .*a\.tsv, which is read or written too"
        ):
            check_target(target, ["-", source])
    for target in ("-", tmp_path / "se", tmp_path / "set" / "b.tsv"):
        check_target(target, ["-", source, tmp_path / "none"])
    # Neither need be there: both may be outputs.
    with pytest.raises(InputError):
        check_target(tmp_path / "new", [tmp_path / "." / "new"])


def test_names_in_another_encoding_are_text(tmp_path):
    name = os.fsdecode("数据".encode("gbk"))
    assert as_text(name) == r"\xca\xfd\xbe\xdd" and as_text("数据.tsv") == "数据.tsv"
