"""Parquet files whose pages unpack to more memory than there is, and such as only look so."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textsim.data.formats import files, parquet_pages
from textsim.data.formats.files import open_table
from textsim.data.formats.parquet_pages import TooLarge, rows_at_once
from textsim.errors import DataFormatError


def written(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, compression="zstd", **options)
    return path


def rows_of(path: Path) -> list[Any]:
    with open_table(path) as table:
        return [cells for _, cells in table.rows]


@pytest.mark.parametrize("encoding", [None, "PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_texts_of_any_encoding(tmp_path: Path, encoding: str | None, version: str, kind: Any) -> None:
    # Of Arrow dictionaries, whose values pyarrow reads as such.
    if pa.types.is_dictionary(kind) and encoding in ("DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"):
        pytest.skip("pyarrow cannot read these")
    texts = ["甲", None, "乙", "甲", ""] * 3000
    given: Any = [text if text is None else text.encode() for text in texts] if kind == pa.binary() else texts
    columns = {
        "text": pa.array(given, kind),
        "vector": [[1.0, k] for k in range(len(texts))],
        "n": range(len(texts)),
    }
    path = written(
        tmp_path / "a.parquet",
        columns,
        use_dictionary=encoding is None,
        data_page_version=version,
        row_group_size=4000,
        data_page_size=1000,
        column_encoding=encoding and {"text": encoding},
    )
    assert rows_of(path) == [[text, [1.0, k], k] for k, text in enumerate(given)]


def test_a_page_has_a_bound(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", {"text": ["a" * 300_000_000]}, use_dictionary=False)
    assert path.stat().st_size < 100_000
    with pytest.raises(
        DataFormatError,
        match=r"a\.parquet: a page of the column text takes 300,000,\d+ bytes of memory\. Expected at most 268,435,456",
    ):
        rows_of(path)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_dictionary": False, "data_page_size": 1},
        {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
    ],
    ids=["a dictionary", "pages", "beginnings"],
)
def test_long_texts_of_many_rows_are_read_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(parquet_pages, "BATCH_BYTES", 1 << 22)
    options = {"write_batch_size": 1, "dictionary_pagesize_limit": 1 << 22, **options}
    path = written(tmp_path / "a.parquet", {"text": ["a" * 1_000_000] * 200, "n": range(200)}, **options)
    before, most = pa.total_allocated_bytes(), 0
    tracemalloc.start()
    numbers = []
    with open_table(path) as table:
        for _, cells in table.rows:
            most = max(most, pa.total_allocated_bytes() - before)
            numbers.append(cells[1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert numbers == list(range(200))
    assert peak < 40e6 and most < 40e6


def test_lists_have_a_bound(tmp_path: Path) -> None:
    lists = pa.ListArray.from_arrays([0, 40_000_000], np.zeros(40_000_000, np.int8))
    path = written(tmp_path / "a.parquet", {"vector": lists})
    with pytest.raises(
        DataFormatError, match=r"the column vector\S* takes [\d,]{11} bytes of memory, and [\d,]+ of the file"
    ):
        rows_of(path)


def test_rows_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", {"n": range(100_000), "text": ["甲"] * 100_000})
    metadata = pq.read_metadata(path)
    with path.open("rb") as file:
        assert rows_at_once(file, metadata, 0, 8192) == 8192
        assert rows_at_once(file, metadata, 0, 1) == 1


def test_headers_of_pages_that_are_none(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", {"n": [1, 2, 3]}, use_dictionary=False)
    metadata = pq.read_metadata(path)
    data = bytearray(path.read_bytes())
    begin = metadata.row_group(0).column(0).data_page_offset
    for byte in (0xFF, 0x1B, 0x00, 0x15, 0x1C):
        data[begin : begin + 8] = bytes([byte]) * 8
        path.write_bytes(data)
        with pytest.raises(DataFormatError, match=r"damaged after row 0"):
            rows_of(path)
        with path.open("rb") as file, pytest.raises(ValueError) as caught:
            rows_at_once(file, metadata, 0, 8192)
        assert not isinstance(caught.value, TooLarge)


def test_what_gzip_unpacks_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MAX_SPOOLED", 1 << 20)
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress(bytes(100_000_000)))
    with pytest.raises(DataFormatError, match=r"a\.parquet\.gz: it unpacks to more than 100 times its size"):
        rows_of(path)
    path.write_bytes(gzip.compress(written(tmp_path / "a.parquet", {"n": [1, 2]}).read_bytes()))
    assert rows_of(path) == [[1], [2]]
