"""Every format: what is written is read again, names and first bytes tell which it is, damage is named."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import sys
import tarfile
import zipfile

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsim.data.formats.files import endings, format_of, open_table, open_writer
from textsim.data.formats.format import FORMATS, Format
from textsim.data.formats.table import Malformed, Unreadable
from textsim.errors import ConfigError, DataFormatError, InputError, MissingDependencyError

TABLES = ["tsv", "csv", "jsonl", "json", "parquet", "xlsx", "tsv.gz", "csv.gz", "jsonl.gz", "json.gz"]
BATCH = {
    "text": ["花呗怎么还款", "=1+1", 'a,"b"', ""],
    "row": np.array([1, 2, 3, 4]),
    "score": np.array([0.123456789, 1, 0, 0.5], np.float32),
    "match": np.array([False, True, False, True]),
    "kept": [None, {"a": "甲"}, True, "x"],
}
AS_TEXT = [
    ["花呗怎么还款", "1", "0.123457", "0", ""],
    ["=1+1", "2", "1.000000", "1", '{"a": "甲"}'],
    ['a,"b"', "3", "0.000000", "0", "true"],
    ["", "4", "0.500000", "1", "x"],
]


def read(path, **options):
    """Names and rows of a table, whichever way its format has them."""
    with open_table(path, **options) as table:
        rows = [cells for _, cells in table.rows]
        if table.names is not None:
            return table.names, rows
        if table.keyed:
            return list(rows[0]), [list(row.values()) for row in rows]
        return rows[0], rows[1:]


@pytest.mark.parametrize("ending", TABLES)
@pytest.mark.parametrize("batches", [1, 3])
def test_what_is_written_is_read(tmp_path, ending, batches):
    path = tmp_path / f"scores.{ending}"
    with open_writer(path, list(BATCH)) as writer:
        for _ in range(batches):
            writer.write(BATCH)
        assert not path.exists()
    names, rows = read(path)
    kind = ending.removesuffix(".gz")
    if kind.startswith("json"):
        expected = [
            ["花呗怎么还款", 1, 0.123457, False, None],
            ["=1+1", 2, 1.0, True, {"a": "甲"}],
            ['a,"b"', 3, 0.0, False, True],
            ["", 4, 0.5, True, "x"],
        ]
    elif kind == "parquet":
        numbers = BATCH["score"].tolist()
        kept = [None, '{"a": "甲"}', "true", "x"]
        expected = [
            [text[0], row, number, row % 2 == 0, cell]
            for text, row, number, cell in zip(AS_TEXT, range(1, 5), numbers, kept, strict=True)
        ]
    elif kind == "xlsx":
        expected = [[row[0], row[1], f"{float(row[2]):g}", row[3], row[4]] for row in AS_TEXT]
        expected[2][4] = "1"
    else:
        expected = AS_TEXT
    assert names == list(BATCH) and rows == expected * batches


@pytest.mark.parametrize("ending", TABLES)
def test_a_file_without_rows(tmp_path, ending):
    with open_writer(tmp_path / f"none.{ending}", ["a", "b"]):
        pass
    with open_table(tmp_path / f"none.{ending}") as table:
        rows = list(table.rows)
    assert table.names == ["a", "b"] or rows in ([], [(1, ["a", "b"])])


@pytest.mark.parametrize("ending", ["tsv", "csv", "jsonl", "json", "parquet", "xlsx", "npy"])
def test_vectors_are_written(tmp_path, ending):
    vectors = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    path = tmp_path / f"v.{ending}"
    with open_writer(path, ["text", "vector"]) as writer:
        writer.write({"text": ["甲", "乙"], "vector": vectors[:2]})
        writer.write({"text": ["丙"], "vector": vectors[2:]})
    if ending == "npy":
        np.testing.assert_array_equal(np.load(path), vectors)
        return
    names, rows = read(path)
    got = [row[1] if ending in ("jsonl", "json", "parquet") else row[1:] for row in rows]
    np.testing.assert_array_equal(np.array(got, np.float32), vectors)
    assert (
        names == ["text", "vector"] if len(names) == 2 else names[1:] == [f"vector_{i}" for i in range(1, 5)]
    )


@pytest.mark.parametrize("ending", ["csv", "jsonl", "json", "parquet"])
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=5))
def test_any_text_comes_back(tmp_path_factory, ending, texts):
    path = tmp_path_factory.mktemp("texts") / f"t.{ending}"
    with open_writer(path, ["text", "n"]) as writer:
        writer.write({"text": texts, "n": np.arange(len(texts))})
    assert [row[0] for row in read(path)[1]] == texts


@pytest.mark.parametrize("ending", TABLES)
def test_half_a_surrogate_pair_is_written_as_a_question_mark(tmp_path, ending):
    with open_writer(tmp_path / f"t.{ending}", ["text"]) as writer:
        writer.write({"text": ["甲\ud800"]})
    assert read(tmp_path / f"t.{ending}")[1] == [["甲?"]]


def test_standard_output_is_tsv(monkeypatch):
    class Output:
        buffer = io.BytesIO()

    monkeypatch.setattr(sys, "stdout", Output)
    with open_writer("-", ["text"]) as writer:
        writer.write({"text": ["甲\t乙\r\n丙"]})
    assert Output.buffer.getvalue().decode() == "text\n甲 乙 丙\n"


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        ("s.xls", ["a"], "Choose a name in .xlsx"),
        ("s.npz", ["a"], "npz is not written"),
        ("s.npy", ["a"], "a .npy file holds one matrix"),
        ("s.parquet.gz", ["a"], "parquet is compressed by itself"),
        ("s.tsv", ["a", "a"], "expected columns of different names. Received a, a"),
        ("s.tsv", ["b"], "expected the columns b. Received a"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, columns, message):
    with pytest.raises(InputError, match=message), open_writer(tmp_path / name, columns) as writer:
        writer.write({"a": ["x"]})
    assert not list(tmp_path.iterdir())


def test_a_sheet_holds_no_more_than_excel_can(tmp_path, monkeypatch):
    with (
        pytest.raises(InputError, match=r"row 2: a cell of a sheet holds 32,767 characters, .* 40,000"),
        open_writer(tmp_path / "s.xlsx", ["a"]) as writer,
    ):
        writer.write({"a": ["长" * 40_000]})
    monkeypatch.setattr("textsim.data.formats.excel.MAX_ROWS", 2)
    with (
        pytest.raises(InputError, match="a sheet holds 2 rows, and there are more"),
        open_writer(tmp_path / "s.xlsx", ["a"]) as writer,
    ):
        writer.write({"a": ["x"] * 2})
    assert not list(tmp_path.iterdir())


def test_names_tell_the_format(tmp_path):
    assert {ending: format_of(f"a{ending.upper()}") for ending in endings()} == {
        ".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".npy": "npy", ".npz": "npz",
        ".parquet": "parquet", ".pq": "parquet", ".tab": "tsv", ".tsv": "tsv", ".txt": "tsv", ".xlsm": "xlsx",
        ".xlsx": "xlsx",
    }  # fmt: skip
    assert format_of("a.csv.gz") == "csv" and format_of("-") == "tsv"
    assert format_of("a.data") is None and format_of("csv") is None


@pytest.mark.parametrize("ending", ["parquet", "xlsx", "npy"])
def test_first_bytes_tell_the_format_where_the_name_does_not(tmp_path, ending):
    with open_writer(tmp_path / f"a.{ending}", ["v"]) as writer:
        writer.write({"v": np.ones((2, 2))})
    (tmp_path / f"a.{ending}").rename(tmp_path / "a")
    with open_table(tmp_path / "a") as table:
        assert table.format == ending and len(list(table.rows)) >= 2


def test_gzip_is_told_by_its_first_bytes(tmp_path):
    data = gzip.compress("甲\t乙\n".encode())
    (tmp_path / "a.tsv").write_bytes(data)
    with pytest.raises(
        DataFormatError, match=r"a\.tsv: expected tsv, as its name says\. Received gzip: name it a\.tsv\.gz"
    ):
        read(tmp_path / "a.tsv")
    assert read(tmp_path / "a.tsv", format="tsv")[0] == ["甲", "乙"]
    (tmp_path / "a").write_bytes(data)
    assert read(tmp_path / "a", format="tsv")[0] == ["甲", "乙"]


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.txt", "p.jsonl", "p.json"])
def test_what_is_no_text_is_named_and_no_encoding_asked_for(tmp_path, name):
    book = io.BytesIO()
    openpyxl.Workbook().save(book)
    table = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), table)
    array = io.BytesIO()
    np.save(array, np.ones((2, 2)))
    for data, kind in (
        (book.getvalue(), r"Excel workbook.*format='xlsx'"),
        (table.getvalue(), r"Parquet.*format='parquet'"),
        (array.getvalue(), r"NumPy array.*format='npy'"),
        (bz2.compress(b"a\tb\n" * 9), "bzip2"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), r"\.xls"),
        (b"%PDF-1.7\n\xe2", "PDF"),
        (b"p.tsv".ljust(257, b"\0") + b"ustar\x0000" + bytes(248), r"tar archive\. Unpack it"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html>", r"web page\. Was the download an error message"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataFormatError, match=f"By its first bytes it is .*{kind}") as caught:
            read(tmp_path / name)
        assert "encoding" not in str(caught.value)


def test_an_unknown_name_lists_those_that_are_known(tmp_path):
    (tmp_path / "a.data").write_text("a\tb\n")
    with pytest.raises(
        DataFormatError, match=r"cannot tell the format from the name\. .*\.csv, \.json.*format="
    ):
        read(tmp_path / "a.data")
    (tmp_path / "a.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    with pytest.raises(DataFormatError, match="By its first bytes it is a 7-Zip archive"):
        read(tmp_path / "a.7z")


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("block", [7, 1 << 18])
def test_json_arrays_are_read_as_a_stream(tmp_path, monkeypatch, indent, block):
    monkeypatch.setattr("textsim.io.text_encoding._BLOCK_BYTES", block)
    rows = [{"a": f'甲{i}[]{{}}"\\', "b": {"c": [i]}} for i in range(50)]
    (tmp_path / "a.json").write_text(json.dumps(rows, ensure_ascii=False, indent=indent), encoding="utf-8")
    with open_table(tmp_path / "a.json") as table:
        got = list(table.rows)
    assert [row for _, row in got] == rows
    assert got[3][0] == (1 if indent is None else 2 + 3 * 8)


def test_json_lines_named_json_are_read(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}\n{"a": 2}\n')
    with open_table(tmp_path / "a.json") as table:
        assert list(table.rows) == [(1, {"a": 1}), (2, {"a": 2})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},\n{"a": }]', r"line 2: .*and here a JSON object"),
        ('[{"a": 1}\n{"a": 2}]', r"line 2: .*a comma or the end of the array"),
        ('[{"a": 1},\n', r"line 2: .*the end of the array.*Received 'the end of the file'"),
        ('[{"a": 1}]\nx', r"line 2: .*nothing behind the array"),
        ("[" * 100_000, "JSON object"),
        ('[{"a": %s}]' % ("9" * 5000), "JSON object"),
    ],
)
def test_broken_json_arrays(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataFormatError, match=message), open_table(tmp_path / "a.json") as table:
        list(table.rows)


def test_values_of_an_array_that_are_no_objects_are_bad_rows(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": 1}, 3, ["x"], {"a": 2}]')
    with open_table(tmp_path / "a.json") as table:
        rows = [row for _, row in table.rows]
    assert [isinstance(row, Malformed) for row in rows] == [False, True, True, False]


@pytest.mark.parametrize("text", ['[\n  {"a": 1}\n]\n', '[{"a": 1}]'])
def test_an_array_named_json_lines_is_refused(tmp_path, text):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(
        DataFormatError, match=r"line 1: .*JSON array: name the file \.json, or pass format='json'"
    ):
        read(tmp_path / "a.jsonl")
    assert read(tmp_path / "a.jsonl", format="json") == (["a"], [[1]])


def test_cells_of_a_workbook_are_the_texts_of_csv(tmp_path):
    import datetime

    book = openpyxl.Workbook()
    for row in (
        ["问题", "号", "日期", "比"],
        ["甲", 10086, datetime.datetime(2026, 11, 29), 0.5],
        [None, 1.0, None, True],
        [],
    ):
        book.active.append(row)
    book.active["F9"].font = openpyxl.styles.Font(bold=True)
    book.save(tmp_path / "a.xlsx")
    names, rows = read(tmp_path / "a.xlsx")
    assert names == ["问题", "号", "日期", "比"]
    assert rows == [["甲", "10086", "2026-11-29", "0.5"], ["", "1", "", "true"]]


def test_a_workbook_of_two_sheets_is_refused(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["a"])
    book.create_sheet("空")
    book.save(tmp_path / "a.xlsx")
    assert read(tmp_path / "a.xlsx")[0] == ["a"]
    book.create_sheet("更多").append(["b"])
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(
        DataFormatError, match=r"expected rows on one sheet\. Received them on 'Sheet' and '更多'"
    ):
        read(tmp_path / "a.xlsx")


@pytest.mark.parametrize("ending", ["xlsx", "parquet", "npy", "npz"])
def test_damaged_files_are_named(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    if ending == "npz":
        np.savez(path, left=np.ones((50, 3)), right=np.ones((50, 3)))
    else:
        with open_writer(path, ["v"]) as writer:
            writer.write({"v": np.random.default_rng(0).standard_normal((50, 3))})
    whole = path.read_bytes()
    for data in (whole[:-30], b"", whole[: len(whole) // 2], b"PK\x03\x04" + bytes(60), b"text"):
        path.write_bytes(data)
        with pytest.raises(DataFormatError, match=f"a.{ending}"), open_table(path) as table:
            list(table.rows)


def test_headers_of_numpy_files_promise_no_more_than_there_is(tmp_path):
    path = tmp_path / "a.npy"
    header = (
        repr({"descr": "<f8", "fortran_order": False, "shape": (10**12, 10**6)}).encode().ljust(117) + b"\n"
    )
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64))
    with pytest.raises(
        DataFormatError, match=r"header says \(1000000000000, 1000000\) of float64, and 64 bytes follow"
    ):
        read(path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.write(path, "left.npy")
    with pytest.raises(DataFormatError, match="header says"):
        read(tmp_path / "a.npz")


def test_odd_cells_of_parquet_are_bad_alone(tmp_path):
    texts = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 2, 5], np.int32)), pa.py_buffer(b"\xff\xfeabc")]
    )
    dates = pa.array([10**18, 0], pa.timestamp("us"))
    pq.write_table(pa.table({"text": texts, "date": dates, "n": [1, None]}), tmp_path / "a.parquet")
    names, rows = read(tmp_path / "a.parquet")
    assert names == ["text", "date", "n"]
    assert rows[1][0] == "abc" and rows[0][2] == 1 and rows[1][2] is None
    assert isinstance(rows[0][0], Unreadable) and "decode" in str(rows[0][0])
    assert rows[1][1].year == 1970


@pytest.mark.parametrize(("ending", "module"), [("parquet", "pyarrow"), ("xlsx", "openpyxl")])
def test_libraries_that_are_not_installed(tmp_path, monkeypatch, ending, module):
    with open_writer(tmp_path / f"a.{ending}", ["v"]) as writer:
        writer.write({"v": ["x"]})
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'textsim\["):
        read(tmp_path / f"a.{ending}")
    with (
        pytest.raises(MissingDependencyError, match=r"writing .* needs"),
        open_writer(tmp_path / f"b.{ending}", ["v"]),
    ):
        pass


def test_a_format_of_ones_own(tmp_path, monkeypatch):
    class Fixed(Format):
        registered_name = "fixed"
        endings = (".fix",)

    monkeypatch.setitem(FORMATS._classes, "fixed", Fixed)
    assert format_of("a.fix") == "fixed"
    with pytest.raises(InputError, match="fixed is not written"), open_writer(tmp_path / "a.fix", ["v"]):
        pass


def test_an_archive_within_gzip_is_no_text(tmp_path):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        rows = "甲\t乙\t1\n".encode()
        entry = tarfile.TarInfo("pairs.tsv")
        entry.size = len(rows)
        archive.addfile(entry, io.BytesIO(rows))
    for name in ("pairs.tsv.gz", "pairs.tar.gz"):
        (tmp_path / name).write_bytes(data.getvalue())
        with pytest.raises(DataFormatError, match=r"By its first bytes it is a tar archive\. Unpack it"):
            read(tmp_path / name)


def test_bytes_of_another_encoding_make_a_bad_row_of_an_array(tmp_path):
    rows = [{"a": "花呗怎么还款", "b": n} for n in range(60)]
    data = json.dumps(rows, ensure_ascii=False, indent=1).encode().split(b"\n")
    line = next(n for n, text in enumerate(data) if n > 100 and "花".encode() in text)
    data[line] = data[line].replace("花".encode(), "花".encode()[:2], 1)
    (tmp_path / "a.json").write_bytes(b"\n".join(data))
    with open_table(tmp_path / "a.json") as table:
        got = list(table.rows)
    bad = [(number, row) for number, row in got if isinstance(row, Malformed)]
    assert len(got) == 60 and len(bad) == 1
    assert bad[0][0] == line and "expected utf-8 text. Received the bytes b'" in bad[0][1].reason


def test_escapes_of_a_workbook(tmp_path):
    texts = ["一_x000D_\n二", "_x005F_x000D_", "_x00e4_", "_xyz_", "#N/A"]
    book = openpyxl.Workbook()
    for text in texts:
        book.active.append([text])
    book.save(tmp_path / "a.xlsx")
    with open_table(tmp_path / "a.xlsx") as table:
        cells = [row[0] for _, row in table.rows]
    assert cells[:-1] == ["一\r\n二", "_x000D_", "ä", "_xyz_"]
    assert isinstance(cells[-1], Unreadable) and "the error #N/A" in str(cells[-1])
    with open_writer(tmp_path / "b.xlsx", ["a"]) as writer:
        writer.write({"a": texts[:-1]})
    assert read(tmp_path / "b.xlsx") == (["a"], [[text] for text in texts[:-1]])


@pytest.mark.parametrize("ending", ["xlsx", "npz"])
def test_damage_within_a_compressed_part_is_not_taken_for_gzip(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    if ending == "npz":
        np.savez_compressed(path, left=np.arange(3000.0).reshape(1000, 3))
    else:
        with open_writer(path, ["v"]) as writer:
            writer.write({"v": [f"第{n}行" for n in range(1000)]})
    with zipfile.ZipFile(path) as archive:
        entry = max(archive.infolist(), key=lambda entry: entry.compress_size)
    data = bytearray(path.read_bytes())
    begin = entry.header_offset + 30 + len(entry.filename)
    for place in range(begin + 40, begin + entry.compress_size - 8, 7):
        data[place] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataFormatError, match=rf"a\.{ending}") as caught, open_table(path) as table:
        list(table.rows)
    assert "gzip" not in str(caught.value)


@pytest.mark.parametrize("ending", ["xlsx", "parquet", "npy", "npz"])
@pytest.mark.parametrize("option", ["encoding", "delimiter"])
def test_options_of_text_are_refused_for_other_formats(tmp_path, ending, option):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"not looked at")
    value = {"encoding": "gb18030", "delimiter": ";"}[option]
    with pytest.raises(ConfigError, match=rf"{option} '{value}': .* The format here is {ending}: leave"):
        read(path, **{option: value})


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_arrays_are_compressed_as_numpy_does(tmp_path, compression):
    array = io.BytesIO()
    np.save(array, np.ones((4, 2)))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", compression) as archive:
        archive.writestr("left.npy", array.getvalue())
    with pytest.raises(DataFormatError, match=r"left\.npy is compressed in a way that NumPy does not write"):
        read(tmp_path / "a.npz")
