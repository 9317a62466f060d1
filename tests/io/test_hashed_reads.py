from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from textsim.io.hashed_reads import HashedReads

DATA = os.urandom(3_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "a").write_bytes(DATA)
    return tmp_path / "a"


@pytest.mark.parametrize("read", [0, 10, 2_000_000, 3_000_000])
def test_all_bytes_are_hashed_however_many_were_read(path: Path, read: int) -> None:
    reads = HashedReads()
    with path.open("rb") as file:
        assert reads.reader(file).read(read) == DATA[:read]
        assert reads.sha256() == hashlib.sha256(DATA).hexdigest()


def test_the_hash_is_of_what_was_read_and_not_of_what_took_its_place(path: Path) -> None:
    reads = HashedReads()
    with path.open("rb") as file:
        reads.reader(file).read()
        other = path.with_name("b")
        other.write_bytes(b"other")
        os.replace(other, path)
        assert reads.sha256() == hashlib.sha256(DATA).hexdigest()


def test_bytes_that_are_read_out_of_order_are_read_again(path: Path) -> None:
    reads = HashedReads()
    with path.open("rb") as file:
        reader = reads.reader(file)
        reader.seek(2_500_000)
        assert reader.read(5) == DATA[2_500_000:2_500_005]
        reader.seek(0)
        reader.read(7)
        assert reads.sha256() == hashlib.sha256(DATA).hexdigest()


def test_the_fraction_grows_and_is_not_known_of_what_has_no_size(path: Path) -> None:
    reads = HashedReads()
    assert reads.fraction() is None and reads.sha256() is None
    with path.open("rb") as file:
        reader = reads.reader(file)
        assert reads.fraction() == 0
        reader.read(1_500_000)
        assert 0.5 <= (reads.fraction() or 0) < 1
        reader.read()
        assert reads.fraction() == 1
    reads.reader(io.BytesIO(b"a"))
    assert reads.fraction() is None
