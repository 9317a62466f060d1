"""Files to rows of texts."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import sys
import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.data.columns import EVERY
from textsim.data.detection import detect_kind
from textsim.data.rejects import RejectLog
from textsim.data.row_kinds import PAIRS, TEXTS, TRIPLETS, UNLABELED
from textsim.data.rows import read_rows
from textsim.errors import ConfigError, DataFormatError, InputError, MissingDependencyError
from textsim.text.normalize import Normalizer

ROWS = [("今天天气好吗", "天气怎么样", 0), ("手机连不上网", "手机上不了网", 1), ("苹果", "苹果公司", 0)]
HEADER = ("text_a", "text_b", "label")


def write_rows(path, rows, header=HEADER):
    """The same table in any of the formats, as the path's suffixes tell."""
    packed = path.name.lower().endswith(".gz")
    suffix = path.name[: -3 if packed else None].rpartition(".")[2]
    lines = [header, *rows] if header else rows
    if suffix == "tsv":
        data = "".join("\t".join(map(str, row)) + "\n" for row in lines).encode()
    elif suffix == "csv":
        buffer = io.StringIO()
        csv.writer(buffer).writerows(lines)
        data = buffer.getvalue().encode()
    elif suffix == "jsonl":
        data = "".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows).encode()
    else:
        buffer = io.BytesIO()
        pd.DataFrame(rows, columns=list(header)).to_parquet(buffer)
        data = buffer.getvalue()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def table(path, *args, **options):
    """All rows of a file: (line, cells...)."""
    rows = []
    for chunk in read_rows(path, *args, **options):
        columns = [*chunk.texts] if chunk.labels is None else [*chunk.texts, chunk.labels.tolist()]
        rows += zip(chunk.lines, *columns, strict=True)
    return rows


def text_file(tmp_path, text, name="pairs.tsv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("compressed", ["", ".gz", ".GZ"])
@pytest.mark.parametrize("format", ["tsv", "csv", "jsonl", "parquet"])
def test_formats(tmp_path, format, compressed):
    path = write_rows(tmp_path / f"文件.{format}{compressed}", ROWS)
    first = 2 if format in ("tsv", "csv") else 1
    expected = [(first + i, a, b, float(y)) for i, (a, b, y) in enumerate(ROWS)]
    for chunk_rows in (1, 2, 8192):
        assert table(path, chunk_rows=chunk_rows) == expected
    reader = read_rows(path)
    chunks = list(reader)
    assert chunks[0].labels.dtype == np.float32
    assert (reader.info.rows, reader.info.rejected, reader.info.format) == (3, 0, format)
    assert reader.info.encoding == (None if format == "parquet" else "utf-8")
    assert reader.info.header is (first == 2)
    assert reader.info.columns == list(HEADER)


def test_an_encoding_that_late_rows_tell(tmp_path, monkeypatch):
    monkeypatch.setattr("textsim.io.text_encoding._BLOCK_BYTES", 16)
    path = tmp_path / "p.tsv"
    path.write_bytes(
        b"text_a\ttext_b\tlabel\n" + b"a\tb\t0\n" * 50 + "今天好\t明天好\t1\n".encode("gb18030") * 9
    )
    reader = read_rows(path)
    (chunk,) = reader
    assert chunk.texts[0] == ["a"] * 50 + ["今天好"] * 9
    assert reader.info.encoding == "gb18030"


@pytest.mark.parametrize("format", ["tsv", "csv", "jsonl", "parquet"])
def test_columns_by_name_among_others(tmp_path, format):
    rows = [(i, y, a, b, "x") for i, (a, b, y) in enumerate(ROWS)]
    path = write_rows(tmp_path / f"p.{format}", rows, ("id", "same", "问题", "answer", "note"))
    got = table(path, columns=["问题", "answer", "same"])
    assert [row[1:] for row in got] == [(a, b, float(y)) for a, b, y in ROWS]
    assert [row[1:] for row in table(path, UNLABELED, columns=["answer", "问题"])] == [
        (b, a) for a, b, _ in ROWS
    ]
    with pytest.raises(
        DataFormatError,
        match=r"no column is named 'answr'\. Received the columns 'id', 'same'.*"
        r"Did you mean 'answer'\?",
    ):
        table(path, columns=["问题", "answr", "same"])


def test_usual_names_are_found_in_any_order_and_case(tmp_path):
    path = text_file(tmp_path, "id\tLabel\tSentence2\tSentence1\n7\t1\t乙\t甲\n")
    assert table(path) == [(2, "甲", "乙", 1.0)]
    assert table(path, UNLABELED) == [(2, "甲", "乙")]


@pytest.mark.parametrize(
    ("left", "right"), [("句子1", "句子2"), ("问题一", "问题二"), ("文本A", "文本B"), ("句子a", "句子b")]
)
def test_chinese_names_are_usual(tmp_path, left, right):
    """A header that is not known as one is a row: it would be scored as a pair."""
    path = tmp_path / "表.csv"
    path.write_bytes(f"标签,{right},{left}\r\n1,乙,甲\r\n".encode("gb18030"))
    assert table(path, encoding="gb18030") == [(2, "甲", "乙", 1.0)]
    assert table(path, UNLABELED, encoding="gb18030") == [(2, "甲", "乙")]
    assert table(text_file(tmp_path, "文本\n甲\n", "texts.tsv"), TEXTS) == [(2, "甲")]


def test_columns_by_position_count_from_one(tmp_path):
    path = text_file(tmp_path, "7\t1\t乙\t甲\n8\t0\t丁\t丙\n")
    for columns in ([4, 3, 2], ["4", "3", "2"]):
        assert table(path, columns=columns) == [(1, "甲", "乙", 1.0), (2, "丙", "丁", 0.0)]
    headed = text_file(tmp_path, "text_a\ttext_b\tlabel\n甲\t乙\t1\n", "headed.tsv")
    assert table(headed, columns=[2, 1, 3]) == [(2, "乙", "甲", 1.0)]
    with pytest.raises(DataFormatError, match=r"column 9 is asked for\. Received 4 columns"):
        table(path, columns=[4, 3, 9])


def test_headers_with_other_names(tmp_path):
    path = text_file(tmp_path, "甲方\t乙方\t一样\n甲\t乙\t1\n")
    assert table(path, header="yes") == [(2, "甲", "乙", 1.0)]
    with pytest.raises(DataFormatError, match=r"s\.tsv, line 1: expected label 0 or 1.*If this line names"):
        read_rows(path)
    wide = text_file(tmp_path, "甲方\t乙方\t相同\tid\n甲\t乙\t1\t5\n", "wide.tsv")
    with pytest.raises(
        DataFormatError,
        match=r"line 1: expected the columns text_a, text_b, label\. Received the "
        r"columns '甲方', '乙方', '相同', 'id'\. Say which",
    ):
        read_rows(wide, header="yes")


def test_a_word_for_a_label_is_a_label(tmp_path):
    assert table(text_file(tmp_path, "甲\t乙\t相同\n丙\t丁\t不同\n")) == [
        (1, "甲", "乙", 1.0),
        (2, "丙", "丁", 0.0),
    ]
    assert table(text_file(tmp_path, "甲\t乙\t是\n")) == [(1, "甲", "乙", 1.0)]
    with pytest.raises(DataFormatError, match=r"line 1: .* Received '是否一样'.* If this line names"):
        read_rows(text_file(tmp_path, "甲方\t乙方\t是否一样\n甲\t乙\t是\n"))


def test_a_word_for_a_label_above_numbers_may_be_a_header(tmp_path):
    path = text_file(tmp_path, "甲方\t乙方\t相同\n甲\t乙\t1\n")
    with pytest.raises(
        DataFormatError,
        match=r"line 1: expected a number as label, as below\. Received '相同'\. If this line names",
    ):
        read_rows(path)
    assert table(path, header="yes") == [(2, "甲", "乙", 1.0)]
    assert table(path, header="no") == [(1, "甲方", "乙方", 1.0), (2, "甲", "乙", 1.0)]


def test_a_header_can_be_denied(tmp_path):
    path = text_file(tmp_path, "query\ttitle\n甲\t乙\n")
    assert table(path, UNLABELED) == [(2, "甲", "乙")]
    assert table(path, UNLABELED, header="no") == [(1, "query", "title"), (2, "甲", "乙")]


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_named_columns_have_a_header(tmp_path, format):
    path = write_rows(tmp_path / f"pairs.{format}", ROWS)
    assert table(path, header="yes") == table(path)
    with pytest.raises(
        ConfigError, match=rf"pairs\.{format}: header 'no' is for TSV, CSV and Excel\. The columns of"
    ):
        read_rows(path, header="no")


def test_the_same_name_twice(tmp_path):
    path = text_file(tmp_path, "a\ta\tb\n甲\t乙\t1\n")
    with pytest.raises(DataFormatError, match="the column name 'a' occurs twice"):
        read_rows(path, columns=["a", "b"], kind=UNLABELED)


def test_quotes_of_tsv_are_plain_text(tmp_path):
    path = text_file(tmp_path, '"甲\t乙"\t1\n"甲"\t""\t0\n')
    assert table(path) == [(1, '"甲', '乙"', 1.0), (2, '"甲"', '""', 0.0)]


def test_cells_of_tsv_in_quotes_are_counted_and_can_be_read_as_csv(tmp_path):
    frame = pd.DataFrame([('他说"好"吗', "他\t说", 1), ('"甲"', "乙", 0)], columns=HEADER)
    frame.to_csv(tmp_path / "p.tsv", sep="\t", index=False)
    path = text_file(tmp_path, 'text_a\ttext_b\tlabel\n"他说""好""吗"\t"甲"和"乙"\t1\n"\t好"\t0\n', "q.tsv")
    reader = read_rows(path)
    assert [chunk.texts[0] for chunk in reader] == [['"他说""好""吗"', '"']]
    assert reader.info.quoted == 1
    with pytest.raises(
        DataFormatError, match=r"line 2: expected 3 .* If double quotes .* format='csv' and delimiter='\\t'"
    ):
        table(tmp_path / "p.tsv")
    reader = read_rows(tmp_path / "p.tsv", format="csv", delimiter="\t")
    assert [chunk.texts for chunk in reader] == [(['他说"好"吗', '"甲"'], ["他\t说", "乙"])]
    assert reader.info.quoted == 0


@pytest.mark.parametrize("line", ['甲\t"乙', '"甲"\t"乙"\t"1"', '"text_a"\t"text_b"\t"label"'])
def test_a_bad_row_of_tsv_with_quotes_says_how_else_to_read_it(tmp_path, line):
    hint = r" If double quotes stand around cells, pass format='csv' and delimiter='\\t'"
    with pytest.raises(DataFormatError, match=f"line 1: .*{hint}"):
        table(text_file(tmp_path, f"{line}\n"))
    with pytest.raises(DataFormatError) as error:
        table(text_file(tmp_path, f"{line}\n"), delimiter="|")
    assert "double quotes" not in str(error.value)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("columns", [None, ["text_a", "text_b", "label"], [1, 2, 3]])
def test_a_csv_file_with_another_delimiter(tmp_path, delimiter, columns):
    path = text_file(tmp_path, "\n".join(delimiter.join(row) for row in (HEADER, ("甲", "乙", "1"))), "p.csv")
    hint = f"If {delimiter!r} separates the columns, pass delimiter={delimiter!r}."
    for header in ("auto", "yes"):
        with pytest.raises(DataFormatError, match=re.escape(hint)):
            table(path, columns=columns, header=header)
    assert table(path, columns=columns, delimiter=delimiter) == [(2, "甲", "乙", 1.0)]


def test_csv_records_may_span_lines(tmp_path):
    path = text_file(
        tmp_path, 'text_a,text_b,label\r\n"甲,\n""一""",乙\r丙\u2028丁,1\r\n\r\n"戊",己,0\r\n\n', "p.csv"
    )
    with pytest.raises(DataFormatError, match=r"p\.csv, line 4: expected 3 .*Received a blank line"):
        table(path)
    assert table(path, on_bad_row="skip") == [(2, '甲,\n"一"', "乙\r丙\u2028丁", 1.0), (5, "戊", "己", 0.0)]


def test_a_csv_quote_that_is_never_closed_is_an_error_even_when_bad_rows_are_skipped(tmp_path):
    path = text_file(tmp_path, '甲,乙,1\n甲,"乙,1\n甲,乙,0\n', "p.csv")
    with pytest.raises(DataFormatError, match=r"p\.csv, line 2: expected a CSV record in which quotes"):
        table(path, on_bad_row="skip")


def test_strange_characters_do_not_break_lines(tmp_path):
    path = text_file(tmp_path, "甲\0乙\t丙\u2028丁\x0b\t1\r\n戊\r己\t\x85庚\t0\r\n")
    assert table(path) == [(1, "甲\0乙", "丙\u2028丁\x0b", 1.0), (2, "戊\r己", "\x85庚", 0.0)]


def test_very_long_texts(tmp_path):
    long = "长" * 300_000
    for suffix in ("tsv", "csv"):
        path = write_rows(tmp_path / f"p.{suffix}", [(long, "短", 1)])
        assert table(path)[0][1] == long


BAD_LINES = [
    ("今天\t天气", "expected 3 tab-separated columns (text_a, text_b, label). Received 2: '今天\\t天气'."),
    ("a\tb\tc\t1", "expected 3 tab-separated columns (text_a, text_b, label). Received 4: 'a\\tb\\tc\\t1'."),
    ("", "expected 3 tab-separated columns (text_a, text_b, label). Received a blank line."),
    ("甲\t\u3000 \t1", "text_b is empty: expected a text."),
    ("\t乙\t1", "text_a is empty: expected a text."),
    ("甲\t乙\t2", "column label: expected label 0 or 1 (or true/false, yes/no, y/n, 是/否, "),
    ("甲\t乙\t", "column label: expected label 0 or 1 (or true/false, "),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_bad_rows_name_file_and_line(tmp_path, line, message):
    path = text_file(tmp_path, f"text_a\ttext_b\tlabel\n甲\t乙\t1\n{line}\n丙\t丁\t0\n")
    with pytest.raises(DataFormatError, match=re.escape(f"{path}, line 3: {message}")) as caught:
        table(path)
    assert str(caught.value).endswith(" Mend the row, or leave such rows out with on_bad_row='skip'.")


def test_who_has_rows_in_memory_is_told_of_no_option_for_files():
    with pytest.raises(DataFormatError, match=r"text_b is empty: expected a text.$"):
        table([("甲", "", 1)])


@pytest.mark.parametrize(
    ("kind", "row", "expected"),
    [
        (
            UNLABELED,
            "甲\t乙\t1",
            "expected 2 tab-separated columns (text_a, text_b); of more, say which to read: columns=[1, 2], and "
            "header='yes' if line 1 names them. Received 3",
        ),
        (
            PAIRS,
            "7\t甲\t乙\t1",
            "(text_a, text_b, label); of more, say which to read: columns=[1, 2, 3], and header='yes' if line 1 names "
            "them. Received 4",
        ),
    ],
)
def test_more_columns_without_a_header(tmp_path, kind, row, expected):
    path = text_file(tmp_path, f"{row}\n{row}\n")
    with pytest.raises(DataFormatError, match=re.escape(expected)) as caught:
        list(read_rows(path, kind))
    # The rows may be good ones: they are read wrongly.
    assert "on_bad_row" not in str(caught.value)


def test_skipped_rows_are_counted_and_written_down(tmp_path):
    lines = [line for line, _ in BAD_LINES]
    path = text_file(tmp_path, "\n".join(["甲\t乙\t1", *lines, "丙\t丁\t0"]) + "\n\n\n")
    rejects = tmp_path / "rejects.tsv"
    reader = read_rows(path, on_bad_row="skip", rejects=rejects)
    assert [chunk.lines for chunk in reader] == [[1, len(lines) + 2]]
    assert (reader.info.rows, reader.info.rejected) == (2, len(lines))
    written = [line.split("\t") for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert written[0] == ["path", "line", "reason", "row"]
    for number, ((line, message), row) in enumerate(zip(BAD_LINES, written[1:], strict=True), 2):
        assert row[:2] == [str(path), str(number)]
        assert row[2].startswith(" ".join(message.split()))
        assert json.loads(row[3]) == line


def test_one_log_for_many_files_and_a_header_alone_where_nothing_is_wrong(tmp_path):
    (tmp_path / "r.tsv").write_text("of an earlier run")
    good = text_file(tmp_path, "甲\t乙\t1\n", "good.tsv")
    bad = text_file(tmp_path, "甲\t乙\t1\n甲\n", "bad.tsv")
    with RejectLog(tmp_path / "r.tsv") as log:
        list(read_rows(good, on_bad_row="skip", rejects=log))
    assert (tmp_path / "r.tsv").read_text() == "path\tline\treason\trow\n"
    with RejectLog(tmp_path / "r.tsv") as log:
        for path in (bad, good, bad):
            list(read_rows(path, on_bad_row="skip", rejects=log))
    assert log.count == 2
    assert len((tmp_path / "r.tsv").read_text(encoding="utf-8").splitlines()) == 3


def test_bad_rows_of_json_lines(tmp_path):
    good = json.dumps(dict(zip(HEADER, ROWS[0], strict=True)))
    cases = {
        "[1, 2]": "expected a JSON object. Received [1, 2]",
        '{"text_a": "甲"': "expected a JSON object. It cannot be parsed",
        '{"text_a": "甲", "label": 1}': "expected a JSON object with the keys text_a, text_b, label. "
        "Received the keys 'text_a', 'label'",
        '{"text_a": "甲", "text_b": null, "label": 1}': "text_b is missing: expected a text.",
        '{"text_a": 12, "text_b": "乙", "label": 1}': "text_a: expected a text. Received int '12'.",
        '{"text_a": "甲", "text_b": "乙", "label": null}': "expected label 0 or 1 (or true/false, ",
        "": "expected a JSON object with the keys text_a, text_b, label. Received a blank line.",
    }
    for line, message in cases.items():
        path = text_file(tmp_path, f"{good}\n{line}\n{good}\n", "p.jsonl")
        with pytest.raises(DataFormatError, match=r"p\.jsonl, line 2: .*" + re.escape(message)):
            table(path)
        rejects = tmp_path / "r.tsv"
        assert len(table(path, on_bad_row="skip", rejects=rejects)) == 2
        raw = json.loads(rejects.read_text(encoding="utf-8").splitlines()[1].split("\t")[3])
        assert raw == line or json.loads(raw) == json.loads(line)
    with pytest.raises(DataFormatError, match=r"p\.jsonl, line 1: expected a JSON object"):
        table(text_file(tmp_path, "12\n", "p.jsonl"))


def test_bad_rows_of_parquet(tmp_path):
    path = write_rows(tmp_path / "p.parquet", [("甲", "乙", 1), ("甲", None, 1)])
    with pytest.raises(DataFormatError, match=r"p\.parquet, row 2: text_b is missing"):
        table(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataFormatError, match=r"p\.parquet: expected a Parquet file"):
        table(path)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    path = write_rows(tmp_path / "p.parquet", ROWS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'textsim\[parquet\]'"):
        read_rows(path)


def test_files_without_rows(tmp_path):
    with pytest.raises(DataFormatError, match=r"a\.tsv: the file holds nothing\. Expected rows of text_a"):
        table(text_file(tmp_path, "", "a.tsv"))
    with pytest.raises(DataFormatError, match=r"a\.tsv: the file holds nothing but a header"):
        table(text_file(tmp_path, "text_a\ttext_b\tlabel\n\n\n", "a.tsv"))
    with pytest.raises(DataFormatError, match=r"a\.jsonl: the file holds nothing"):
        table(text_file(tmp_path, "\n", "a.jsonl"))
    with pytest.raises(DataFormatError, match="none of its 2 rows can be used"):
        table(text_file(tmp_path, "甲\n乙\n", "a.tsv"), on_bad_row="skip")
    with pytest.raises(DataFormatError, match=r"none\.tsv: no such file"):
        read_rows(tmp_path / "none.tsv")
    with pytest.raises(DataFormatError, match="Received a folder"):
        (tmp_path / "folder.tsv").mkdir()
        read_rows(tmp_path / "folder.tsv")


def test_a_damaged_gzip_file(tmp_path):
    path = tmp_path / "p.tsv.gz"
    path.write_bytes(b"not gzip")
    with pytest.raises(DataFormatError, match=r"p\.tsv\.gz: expected gzip, .*not compressed: take \.gz off"):
        read_rows(path)
    path.write_bytes(gzip.compress("甲\t乙\t1\n".encode() * 5000)[:-12])
    with pytest.raises(DataFormatError, match="the gzip stream is damaged"):
        table(path)


def test_formats_that_are_not_known(tmp_path):
    path = text_file(tmp_path, "甲\t乙\t1\n", "pairs.data")
    with pytest.raises(DataFormatError, match=r"pairs\.data: cannot tell the format from the name.*format="):
        read_rows(path)
    assert table(path, format="tsv") == [(1, "甲", "乙", 1.0)]
    with pytest.raises(ConfigError, match=r"unknown file format 'tvs'.*Did you mean 'tsv'"):
        read_rows(path, format="tvs")
    assert table(text_file(tmp_path, "甲|乙|1\n", "p.tsv"), delimiter="|") == [(1, "甲", "乙", 1.0)]
    with pytest.raises(ConfigError, match=r"delimiter .\|.: it separates columns of TSV and CSV"):
        read_rows(path, format="jsonl", delimiter="|")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["a", "b"]}, "expected 3 names or positions, for text_a, text_b, label"),
        ({"columns": ["a", "b", "a"]}, "expected different ones"),
        ({"columns": ["a", 2, 3]}, "names alone or positions alone"),
        ({"columns": [0, 1, 2]}, "positions count from 1"),
        ({"columns": ["a", "b", "c"], "header": "no"}, "a file without a header has positions"),
        ({"header": "maybe"}, "header 'maybe': expected one of: auto, yes, no"),
        ({"keep": "id"}, "keep: expected a list of names or positions. Received the text 'id'"),
        ({"keep": ["line", "id", "line"]}, "keep: expected different ones. Received line, id, line"),
        ({"keep": ["id", 0]}, "keep: positions count from 1. Received id, 0"),
        ({"keep": ["*", "id"]}, r"keep: '\*' keeps all further columns"),
        ({"keep": ["line", "id"], "header": "no"}, "keep: a file without a header has positions"),
        ({"on_bad_row": "drop"}, "on_bad_row 'drop': expected one of: error, skip"),
        ({"rejects": "r.tsv"}, "rejects are written with on_bad_row 'skip' only"),
        ({"label_threshold": 1, "label_max": 5}, "exclude each other"),
    ],
)
def test_options_that_cannot_be(tmp_path, options, message):
    path = text_file(tmp_path, "甲\t乙\t1\n")
    with pytest.raises(ConfigError, match=message):
        read_rows(path, **options)


def test_graded_labels(tmp_path):
    path = text_file(tmp_path, "text_a\ttext_b\tscore\n甲\t乙\t2.5\n丙\t丁\t4\n")
    with pytest.raises(DataFormatError, match=r"line 2: column score: .*Received '2\.5'\. Pass label_"):
        table(path)
    assert [row[3] for row in table(path, label_threshold=3)] == [0, 1]


def test_triplets_and_texts(tmp_path):
    path = write_rows(tmp_path / "t.tsv", [("甲", "乙", "丙")], ("anchor", "positive", "negative"))
    assert table(path, TRIPLETS) == [(2, "甲", "乙", "丙")]
    assert table(text_file(tmp_path, "甲\t乙\n丙\n", "t.txt"), TEXTS) == [(1, "甲\t乙"), (2, "丙")]
    assert table(text_file(tmp_path, "id\ttext\n1\t甲\n", "t.tsv"), TEXTS) == [(2, "甲")]
    with pytest.raises(DataFormatError, match=r"t\.txt, line 2: expected one text a line\. Received a blank"):
        table(text_file(tmp_path, "甲\n\n丙\n", "t.txt"), TEXTS)


def test_a_normalizer(tmp_path):
    path = text_file(tmp_path, "甲\tＢ\t1\n甲\t\u200b\t1\n \t乙\t0\n甲\t乙\t9\n")
    normalizer = Normalizer()
    assert table(path, normalizer=normalizer, on_bad_row="skip") == [(1, "甲", "b", 1.0)]
    with pytest.raises(
        DataFormatError, match="line 2: text_b is empty once it is normalized: expected a text"
    ):
        table(path, normalizer=normalizer)
    path = text_file(tmp_path, " \t乙\t0\n")
    with pytest.raises(DataFormatError, match="line 1: text_a is empty: expected a text"):
        table(path, normalizer=normalizer)


def test_standard_input(monkeypatch):
    class Stdin:
        buffer = io.BytesIO("甲\t乙\t1\n丙\t丁\t0\n".encode("utf-8-sig"))

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert table("-") == [(1, "甲", "乙", 1.0), (2, "丙", "丁", 0.0)]


@pytest.mark.parametrize("bad", ["", '{"query": "甲", "ti', "12", '{"query": "甲", "label": 1}'])
def test_a_bad_first_row_of_json_does_not_name_the_columns(tmp_path, bad):
    good = '{"query": "甲", "title": "乙", "label": 1}\n'
    path = text_file(tmp_path, f"{bad}\n{good}{good}", "p.jsonl")
    for columns in (None, ["query", "title", "label"], [1, 2, 3]):
        reader = read_rows(path, columns=columns, on_bad_row="skip")
        assert [chunk.lines for chunk in reader] == [[2, 3]]
        assert (reader.info.columns, reader.info.rejected) == (["query", "title", "label"], 1)
        with pytest.raises(DataFormatError, match=r"p\.jsonl, line 1: expected a JSON object"):
            list(read_rows(path, columns=columns))


@pytest.mark.parametrize("blank", ["\n", "\n\n", ",,,\n", "\n" * 150])
@pytest.mark.parametrize(
    ("columns", "header"),
    [(None, "auto"), (None, "yes"), (["s1", "s2", "label"], "auto"), ([2, 3, 1], "auto"), ([2, 3, 1], "no")],
)
def test_blank_rows_before_the_first(tmp_path, blank, columns, header):
    names = "" if header == "no" else "label,s1,s2,id\n"
    path = text_file(tmp_path, f"{blank}{names}1,甲,乙,7\n0,丙,丁,8\n", "p.csv")
    options = {"columns": columns, "header": header}
    reader = read_rows(path, on_bad_row="skip", **options)
    assert [text for chunk in reader for text in chunk.texts[0]] == ["甲", "丙"]
    assert (reader.info.header, reader.info.rejected) == (header != "no", blank.count("\n"))
    with pytest.raises(DataFormatError, match=r"p\.csv, line 1: .*(Received a blank line|is empty)"):
        list(read_rows(path, **options))


def test_columns_that_no_row_of_json_has(tmp_path):
    path = text_file(tmp_path, '\n{"a": 1}\n{"b": 2}\n', "p.jsonl")
    with pytest.raises(
        DataFormatError, match=r"line 2: expected the columns.*Received the columns 'a'\. Say"
    ):
        read_rows(path, on_bad_row="skip")
    with pytest.raises(DataFormatError, match="line 2: no column is named 'b'"):
        read_rows(path, columns=["a", "b", "c"], on_bad_row="skip")


def test_detect_kind(tmp_path):
    for suffix in ("tsv", "csv", "jsonl", "parquet"):
        assert detect_kind(write_rows(tmp_path / f"p.{suffix}", ROWS)) == "pairs"
        path = write_rows(tmp_path / f"t.{suffix}", [("甲", "乙", "丙")], ("negative", "anchor", "positive"))
        assert detect_kind(path) == "triplets"
    assert detect_kind(text_file(tmp_path, "", "e.tsv")) == "pairs"
    assert detect_kind("-") == "pairs"
    triplet = '{"anchor": "甲", "positive": "乙", "negative": "丙"}\n'
    for bad in ("", "{", '{"anchor": "甲"}'):
        assert detect_kind(text_file(tmp_path, f"{bad}\n{triplet}", "t.jsonl")) == "triplets"
    assert detect_kind([("甲", "乙", 1)]) == detect_kind(iter([("甲", "乙", 1)])) == "pairs"
    assert detect_kind(pd.DataFrame({"anchor": ["甲"], "positive": ["乙"], "negative": ["丙"]})) == "triplets"
    assert (
        detect_kind(np.ones((3, 5)))
        == detect_kind((np.ones((3, 2)), np.ones((3, 2)), np.ones(3)))
        == "vectors"
    )


@pytest.mark.parametrize(
    "source",
    [
        pd.DataFrame(ROWS, columns=["query", "title", "label"]),
        ROWS,
        [dict(zip(HEADER, row, strict=True)) for row in ROWS],
        dict(zip(HEADER, zip(*ROWS, strict=True), strict=True)),
        np.array(ROWS, object),
    ],
    ids=["frame", "rows", "records", "columns", "array"],
)
def test_rows_in_memory(source):
    chunk = next(read_rows(source))
    assert chunk.texts == tuple([row[side] for row in ROWS] for side in (0, 1))
    assert chunk.labels.tolist() == [0, 1, 0]
    assert chunk.labels.dtype == np.float32
    assert chunk.lines == [1, 2, 3]


def test_rows_of_an_iterator_are_read_once_as_they_are_asked_for():
    asked = []

    def rows():
        for row in ROWS * 10:
            asked.append(row)
            yield row

    reader = read_rows(rows(), chunk_rows=2)
    assert len(next(reader)) == 2 and len(asked) <= 4
    assert sum(map(len, reader)) == 28


def test_columns_of_rows_in_memory():
    frame = pd.DataFrame(ROWS, columns=["query", "title", "label"])
    assert next(read_rows(frame, UNLABELED, columns=["title", "query"])).texts[0][0] == ROWS[0][1]
    assert next(read_rows(frame, UNLABELED)).labels is None
    assert next(read_rows(ROWS, UNLABELED, columns=[2, 1])).texts[0][0] == ROWS[0][1]
    assert next(read_rows(["今天", "明天"], TEXTS)).texts == (["今天", "明天"],)
    assert next(read_rows([("text_a", "text_b", 1)])).texts == (["text_a"], ["text_b"])
    with pytest.raises(ConfigError, match="a file without a header has positions"):
        read_rows(ROWS, columns=["a", "b", "c"])
    with pytest.raises(ConfigError, match="leave them out"):
        read_rows(frame, encoding="utf-8")


@pytest.mark.parametrize("source", [5, b"text", None, np.ones(3)])
def test_what_holds_no_rows(source):
    with pytest.raises(InputError, match="expected"):
        read_rows(source)


def test_bad_rows_in_memory_can_be_skipped():
    rows = [ROWS[0], ("甲", None, 1), "乙", 5, ("甲", "乙"), ROWS[1]]
    reader = read_rows(rows, on_bad_row="skip")
    assert [chunk.lines for chunk in reader] == [[1, 6]]
    assert reader.rejected_lines == [2, 3, 4, 5]
    with pytest.raises(DataFormatError, match="the rows, row 2: text_b is missing"):
        next(read_rows(rows))


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([("甲", "乙", 2)], None, "the data frame, row 1: column label: expected label 0 or 1"),
        ([("甲", "乙", 1), (None, "乙", 1)], None, "row 2: text_a is missing"),
        ([("甲", float("nan"), 1)], None, "row 1: text_b is missing"),
        ([("甲", pd.NA, 1)], None, "row 1: text_b is missing"),
        ([("甲", 5, 1)], None, "row 1: text_b: expected a text. Received int '5'"),
        ([(" ", "乙", 1)], None, "row 1: text_a is empty"),
        (
            [("甲", "乙", 1)],
            ["text_a", "text_c", "label"],
            "no column is named 'text_c'.*Did you mean 'text_b'",
        ),
    ],
)
def test_bad_data_frames(rows, columns, message):
    with pytest.raises(DataFormatError, match=message):
        next(read_rows(pd.DataFrame(rows, columns=list(HEADER), dtype=object), columns=columns))


def test_a_data_frame_without_the_columns():
    with pytest.raises(DataFormatError, match=r"expected the columns text_a, text_b, label\. Received .*'x'"):
        read_rows(pd.DataFrame({"x": [1]}))


texts = st.text(
    # Python 3.10's csv module writes no NUL.
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff\uffff"),
    min_size=1,
).filter(lambda text: text.strip() != "")


@given(st.lists(st.tuples(texts, texts, st.integers(0, 1)), min_size=1, max_size=20), st.integers(1, 5))
def test_csv_and_json_lines_give_any_text_back(tmp_path_factory, rows, chunk_rows):
    folder = tmp_path_factory.mktemp("p")
    for suffix in ("csv", "jsonl"):
        # A text file has one kind of line end: within a CSV field CRLF is read as LF.
        clean = [(a.replace("\r", "") or "x", b.replace("\r", "") or "x", y) for a, b, y in rows]
        clean = [(a if a.strip() else "x", b if b.strip() else "x", y) for a, b, y in clean]
        got = table(write_rows(folder / f"p.{suffix}", clean), chunk_rows=chunk_rows)
        assert [row[1:] for row in got] == [(a, b, float(y)) for a, b, y in clean]


@pytest.mark.parametrize(
    ("name", "text", "kind", "options"),
    [
        ("p.tsv", "text_a\tlabel\n甲\t1\n", UNLABELED, {}),
        ("p.tsv", "id\t甲\t乙\t是否相同\n1\t丙\t丁\t1\n", UNLABELED, {"columns": [2, 3]}),
        ("p.tsv", "text_a\ttext_b\tlabel\n甲\t乙\t1\n", TRIPLETS, {}),
        ("p.csv", "anchor\n甲\n", TEXTS, {}),
    ],
)
def test_a_first_row_that_may_be_a_header_is_asked_about(tmp_path, name, text, kind, options):
    path = text_file(tmp_path, text, name)
    with pytest.raises(
        DataFormatError, match=r"line 1: expected the columns .*\. Found the columns '.*header='no'"
    ):
        read_rows(path, kind, **options)
    (chunk,) = read_rows(path, kind, header="no", **options)
    assert len(chunk) == 2
    columns = {"columns": list(range(1, len(kind.columns) + 1)), **options}
    (chunk,) = read_rows(path, kind, header="yes", **columns)
    assert len(chunk) == 1


def test_usual_names_of_questions(tmp_path):
    (chunk,) = read_rows(text_file(tmp_path, "编号,问句,标准问\n1,甲,乙\n", "p.csv"), UNLABELED)
    assert chunk.texts == (["甲"], ["乙"])
    (chunk,) = read_rows(text_file(tmp_path, "问题\n甲\n", "t.csv"), TEXTS)
    assert chunk.texts == (["甲"],)


def test_rows_of_blank_cells_at_the_end_are_left_out(tmp_path):
    end = "\n,,\n , ,\n"
    (chunk,) = read_rows(text_file(tmp_path, "text_a,text_b,label\n甲,乙,1" + end, "p.csv"))
    assert chunk.texts == (["甲"], ["乙"])
    with pytest.raises(DataFormatError, match=r"line 3: text_a is empty"):
        list(read_rows(text_file(tmp_path, f"text_a,text_b,label\n甲,乙,1{end}丙,丁,0\n", "p.csv")))
    (chunk,) = read_rows(text_file(tmp_path, "甲\t乙\t1\n   \n", "p.tsv"))
    assert len(chunk) == 1


def test_rejects_never_take_the_place_of_the_rows(tmp_path):
    path = text_file(tmp_path, "甲\t乙\t1\n甲\n")
    with pytest.raises(InputError, match="would take the place of"):
        read_rows(path, on_bad_row="skip", rejects=path)
    assert path.read_text(encoding="utf-8") == "甲\t乙\t1\n甲\n"


@pytest.mark.skipif(sys.platform == "darwin" or os.name == "nt", reason="names must be UTF-8 there")
def test_a_files_name_in_another_encoding(tmp_path):
    path = text_file(tmp_path, "甲\t乙\t1\n甲\n", os.fsdecode("数据.tsv".encode("gbk")))
    reader = read_rows(path, on_bad_row="skip", rejects=tmp_path / "r.tsv")
    list(reader)
    assert reader.info.path.endswith(r"\xca\xfd\xbe\xdd.tsv")
    assert r"\xca\xfd\xbe\xdd.tsv" in (tmp_path / "r.tsv").read_text(encoding="utf-8")


def test_a_pipe_is_read_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.tsv")
    writer = threading.Thread(
        target=lambda: (tmp_path / "pipe.tsv").write_text("anchor\tpositive\tnegative\n", encoding="utf-8")
    )
    # Nothing is there to be read yet, and nobody waits for it.
    assert detect_kind(tmp_path / "pipe.tsv") == "pairs"
    writer.start()
    with pytest.raises(DataFormatError, match="Found the columns 'anchor'"):
        read_rows(tmp_path / "pipe.tsv")
    writer.join(10)


def test_rejects_are_no_stream(tmp_path):
    with pytest.raises(ConfigError, match="rejects go to a file of their own"):
        read_rows(text_file(tmp_path, "甲\t乙\t1\n"), on_bad_row="skip", rejects="-")


def test_a_whole_header_of_another_kind_is_one_where_positions_are_given(tmp_path):
    path = text_file(tmp_path, "text_a\ttext_b\tlabel\n甲\t乙\t1\n")
    (chunk,) = read_rows(path, TEXTS, columns=[2], format="tsv")
    assert chunk.texts == (["乙"],)
    (chunk,) = read_rows(path, UNLABELED, columns=[2, 1])
    assert chunk.texts == (["乙"], ["甲"])


@pytest.mark.parametrize("format", ["tsv", "csv", "jsonl", "parquet"])
def test_columns_are_kept(tmp_path, format):
    rows = [("a", "甲", "乙", 1), ("b", "丙", "", 0), ("c", "丁", "戊", 0)]
    path = write_rows(tmp_path / f"p.{format}", rows, ("id", *HEADER))
    chunks = list(read_rows(path, keep=["label", "line", 1], on_bad_row="skip", chunk_rows=1))
    first, by = (2, str) if format in ("tsv", "csv") else (1, int)
    assert [chunk.kept for chunk in chunks] == [
        {"label": [by(1)], "line": [first], "id": ["a"]},
        {"label": [by(0)], "line": [first + 2], "id": ["c"]},
    ]
    assert [chunk.labels.tolist() for chunk in chunks] == [[1], [0]]


def test_columns_are_kept_without_a_header(tmp_path):
    path = text_file(tmp_path, "x\t甲\t乙\n\ny\t丙\t丁\n")
    (chunk,) = read_rows(path, UNLABELED, columns=[2, 3], keep=["line", 1], on_bad_row="skip")
    assert chunk.kept == {"line": [1, 3], "1": ["x", "y"]} and chunk.texts == (["甲", "丙"], ["乙", "丁"])
    (chunk,) = read_rows(text_file(tmp_path, "甲\n\n乙\n", "t.txt"), TEXTS, keep=["line"], on_bad_row="skip")
    assert chunk.kept == {"line": [1, 3]}


def test_json_lines_that_lack_what_is_kept_are_bad_rows(tmp_path):
    rows = ['{"text_a": "甲", "text_b": "乙"}', '{"text_a": "丙", "text_b": "丁", "id": 3}']
    for order in (rows, rows[::-1]):
        path = text_file(tmp_path, "\n".join(order), "k.jsonl")
        (chunk,) = read_rows(path, UNLABELED, keep=["id"], on_bad_row="skip")
        assert (chunk.texts, chunk.kept) == ((["丙"], ["丁"]), {"id": [3]})


@pytest.mark.parametrize(
    ("name", "content", "options", "expected"),
    [
        ("t.csv", "id,text,答案\n7,甲,好\n8,乙,\n", {}, [{"id": "7", "答案": "好"}, {"id": "8", "答案": ""}]),
        ("t.csv", "甲,1\n乙,2\n", {"columns": [1]}, [{"2": "1"}, {"2": "2"}]),
        ("t.csv", "x,,text\n1,2,甲\n", {}, [{"x": "1", "2": "2"}]),
        ("t.tsv", "甲\n乙\n", {}, [{}, {}]),
        ("t.txt", "甲\n乙\n", {}, [{}, {}]),
        ("t.jsonl", '{"text": "甲", "n": 1}\n{"m": [2], "text": "乙"}\n', {}, [{"n": 1}, {"m": [2]}]),
    ],
)
def test_every_further_column_is_kept(tmp_path, name, content, options, expected):
    (chunk,) = read_rows(text_file(tmp_path, content, name), TEXTS, keep=[EVERY], **options)
    assert chunk.kept == {EVERY: expected}
    assert chunk.texts[0] in (["甲", "乙"], ["甲"])


def test_further_columns_of_one_name_cannot_be_told_apart(tmp_path):
    path = text_file(tmp_path, "text,备注,备注\n甲,1,2\n", "t.csv")
    with pytest.raises(DataFormatError, match=r"the column name '备注' occurs twice\. Rename one"):
        read_rows(path, TEXTS, keep=[EVERY])


def test_every_further_column_of_parquet_is_kept(tmp_path):
    pd.DataFrame({"n": [1, 2], "text": ["甲", "乙"]}).to_parquet(tmp_path / "t.parquet")
    (chunk,) = read_rows(tmp_path / "t.parquet", TEXTS, keep=[EVERY])
    assert chunk.kept == {EVERY: [{"n": 1}, {"n": 2}]}


def test_a_first_row_with_the_names_to_keep_is_a_header(tmp_path):
    path = text_file(tmp_path, "编号\t甲\t乙\n1\t丙\t丁\n")
    (chunk,) = read_rows(path, UNLABELED, columns=[2, 3], keep=["编号"])
    assert chunk.kept == {"编号": ["1"]} and chunk.texts == (["丙"], ["丁"])


@pytest.mark.parametrize(
    ("header", "keep", "message"),
    [
        ("ids", ["id"], r"p\.tsv, line 1: no column is named 'id'\. .* Did you mean 'ids'\?"),
        ("id", [4], r"p\.tsv, line 1: column 4 is asked for\. Received 3 columns"),
        ("line", ["line"], r"p\.tsv, line 1: a column is named 'line', as what is kept .* Rename the column"),
        ("text_a", [1, 2], r"expected columns of different names to keep\. Received text_a, text_a"),
    ],
)
def test_columns_that_cannot_be_kept(tmp_path, header, keep, message):
    path = text_file(tmp_path, f"{header}\ttext_a\ttext_b\nx\t甲\t乙\n", "p.tsv")
    with pytest.raises(DataFormatError, match=message):
        read_rows(path, UNLABELED, keep=keep, columns=[2, 3])


def test_json_rows_without_a_key_to_keep_are_bad(tmp_path):
    rows = ["[]", '{"text_a": "甲", "text_b": "乙", "id": null}', '{"text_a": "甲", "text_b": "乙"}']
    reader = read_rows(
        text_file(tmp_path, "\n".join(rows), "p.jsonl"), UNLABELED, keep=["line", "id"], on_bad_row="skip"
    )
    assert [chunk.kept for chunk in reader] == [{"line": [2], "id": [None]}]
    assert reader.rejected_lines == [1, 3]
    with pytest.raises(
        DataFormatError, match=r"line 2: expected a JSON object with the keys .*, id\. Received"
    ):
        list(read_rows(text_file(tmp_path, "\n".join(rows[1:]), "p.jsonl"), UNLABELED, keep=["id"]))


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.txt"])
@pytest.mark.parametrize("told", ["sep=;", "SEP=;", '"sep=;"'])
def test_the_line_in_which_excel_tells_the_delimiter(tmp_path, name, told):
    rows = "text_a;text_b;label\n甲;乙;1\n丙;丁;0\n"
    path = text_file(tmp_path, f"{told}\n{rows}", name)
    assert table(path) == [(3, "甲", "乙", 1.0), (4, "丙", "丁", 0.0)]
    assert table(path, header="yes", delimiter=";") == table(path)


def test_quotes_behind_a_space_are_quotes(tmp_path):
    path = text_file(tmp_path, '"甲", "乙, 丙", 1\n"丁",  "戊 ""己""", 0\n庚, "辛"壬, 0\n', "p.csv")
    assert table(path) == [
        (1, "甲", "乙, 丙", 1.0),
        (2, "丁", '戊 "己"', 0.0),
        (3, "庚", ' "辛"壬', 0.0),
    ]
    path = text_file(tmp_path, '甲\t "乙"\t1\n', "p.tsv")
    reader = read_rows(path)
    list(reader)
    assert reader.info.quoted == 1


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.jsonl", "p.txt"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_line_of_another_encoding_is_a_bad_row(tmp_path, name, encoding):
    rows = [("花呗怎么还款", "怎样还花呗", 1)] * 60
    data = write_rows(tmp_path / name.replace(".txt", ".tsv"), rows, HEADER).read_bytes()
    if name.endswith("jsonl"):
        data = "".join(
            json.dumps(dict(zip(HEADER, row, strict=True)), ensure_ascii=False) + "\n" for row in rows
        ).encode()
    lines = data.decode().encode(encoding).splitlines(keepends=True)
    lines[40] = lines[40].replace("呗".encode(encoding), "呗".encode(encoding)[:-1], 1)
    (tmp_path / name).write_bytes(b"".join(lines))
    with pytest.raises(DataFormatError, match=rf"line 41: expected {encoding} text\. Received the bytes b"):
        table(tmp_path / name)
    reader = read_rows(tmp_path / name, on_bad_row="skip", rejects=tmp_path / "rejects.tsv")
    assert sum(map(len, reader)) == len(lines) - 1 - (not name.endswith("jsonl"))
    assert reader.rejected_lines == [41]
    assert "expected" in (tmp_path / "rejects.tsv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "question\tanswer\n怎么退货\t在订单页\n",
        "问题,答案\n怎么退货,在订单页\n",
        "甲\t乙\n丙\t丁\t戊\n",
        "甲;乙\n丙;丁\n",
        "标准问;编号\n甲;1\n",
    ],
)
def test_lines_that_look_like_rows_are_asked_about(tmp_path, text):
    path = text_file(tmp_path, text, "faq.txt")
    with pytest.raises(DataFormatError, match=r"line 1: expected one text a line\. .*format='lines'"):
        read_rows(path, TEXTS)
    assert len(next(read_rows(path, TEXTS, format="lines"))) == text.count("\n")


def test_the_answer_to_the_question_reads_the_column(tmp_path):
    path = text_file(tmp_path, "question\tanswer\n怎么退货\t在订单页\n", "faq.txt")
    assert next(read_rows(path, TEXTS, format="tsv")).texts == (["怎么退货"],)
    path = text_file(tmp_path, "你好，世界\n今天，明天\n一;二\n", "t.txt")
    assert len(next(read_rows(path, TEXTS))) == 3


@pytest.mark.parametrize("names", [("相似问", "标准问", "是否匹配"), ("用户问", "标准问题", "标签")])
def test_names_of_service_desks_are_usual(tmp_path, names):
    path = write_rows(tmp_path / "p.csv", [("甲", "乙", 1)], names)
    assert table(path) == [(2, "甲", "乙", 1.0)]
    path = text_file(tmp_path, "标准问,答案\n甲,乙\n", "t.csv")
    assert next(read_rows(path, TEXTS)).texts == (["甲"],)
    path = text_file(tmp_path, "编号,问题,答案\n1,甲,乙\n", "q.csv")
    with pytest.raises(
        DataFormatError, match=r"Found the columns '编号', '问题', '答案'\. Say which to read"
    ):
        read_rows(path)


def test_rows_with_replacement_characters_are_counted(tmp_path):
    path = text_file(tmp_path, "甲\ufffd\t乙\ufffd\t1\n丙\t丁\t0\n戊\t\ufffd\t0\n")
    reader = read_rows(path, chunk_rows=2)
    list(reader)
    assert reader.info.undecoded == 2


@pytest.mark.parametrize("name", ["p.tsv", "p.csv", "p.jsonl", "p.parquet"])
def test_a_text_has_a_bound(tmp_path, monkeypatch, name):
    monkeypatch.setattr("textsim.data.rows.MAX_TEXT_CHARACTERS", 1000)
    path = write_rows(tmp_path / name, [("甲", "乙", 1), ("长" * 1001, "短", 1)])
    reader = read_rows(path, on_bad_row="skip")
    assert (sum(map(len, reader)), reader.info.rejected) == (1, 1)
    with pytest.raises(
        DataFormatError, match=r"text_a: expected a text of at most 1,000 characters\. Received 1,001"
    ):
        table(path)


def test_a_record_that_never_ends_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("textsim.data.formats.tsv_csv.MAX_ROW_CHARACTERS", 1000)
    path = text_file(tmp_path, 'text_a,text_b,label\n甲,"乙,1\n' + "丙,丁,0\n" * 1000, "p.csv")
    with pytest.raises(
        DataFormatError, match=r"line 2: expected a CSV record .*longer than 1,000 characters"
    ):
        table(path)


@pytest.mark.parametrize("name", ["p.tsv", "p.csv", "p.jsonl", "p.json"])
def test_numbers_of_thousands_of_digits(tmp_path, name):
    digits = "9" * 5000
    rows = {
        "p.tsv": f"甲\t乙\t{digits}\n",
        "p.csv": f"甲,乙,{digits}\n",
        "p.jsonl": f'{{"text_a": "甲", "text_b": "乙", "label": {digits}}}\n',
        "p.json": f'[{{"text_a": "甲", "text_b": "乙", "label": {digits}}}]',
    }
    with pytest.raises(DataFormatError):
        table(text_file(tmp_path, rows[name], name))
    with pytest.raises(ConfigError, match=r"Received 1, 2, 9+\."):
        read_rows(text_file(tmp_path, "甲\t乙\t1\n", "q.tsv"), columns=["1", "2", digits])


def test_texts_of_parquet_that_are_not_utf8_are_bad_rows(tmp_path):
    good = pa.array(["甲", "乙", "丙"])
    bad = pa.Array.from_buffers(
        pa.string(),
        3,
        [None, pa.py_buffer(np.array([0, 1, 2, 4], np.int32)), pa.py_buffer(b"ab\xff\xfe")],
    )
    pq.write_table(pa.table({"text_a": good, "text_b": bad, "label": [1, 0, 1]}), tmp_path / "p.parquet")
    with pytest.raises(DataFormatError, match=r"p\.parquet, row 3: text_b cannot be read: .*utf-8"):
        table(tmp_path / "p.parquet")
    reader = read_rows(tmp_path / "p.parquet", on_bad_row="skip")
    assert [chunk.texts[1] for chunk in reader] == [["a", "b"]] and reader.rejected_lines == [3]
    pq.write_table(pa.table({"text": good, "note": bad}), tmp_path / "t.parquet")
    assert len(next(read_rows(tmp_path / "t.parquet", TEXTS))) == 3
    for keep in (["note"], [EVERY]):
        with pytest.raises(DataFormatError, match=r"row 3: note cannot be read"):
            list(read_rows(tmp_path / "t.parquet", TEXTS, keep=keep))
    labels = pa.Array.from_buffers(
        pa.string(),
        3,
        [None, pa.py_buffer(np.array([0, 1, 2, 4], np.int32)), pa.py_buffer(b"01\xff\xfe")],
    )
    pq.write_table(pa.table({"text_a": good, "text_b": good, "label": labels}), tmp_path / "l.parquet")
    with pytest.raises(DataFormatError, match=r"row 3: label cannot be read: .*utf-8"):
        table(tmp_path / "l.parquet")


def test_errors_of_formulas_are_no_texts(tmp_path):
    rows = pd.DataFrame([("甲", "乙", 1), ("丙", "#N/A", 0)], columns=list(HEADER))
    rows.to_excel(tmp_path / "p.xlsx", index=False)
    with pytest.raises(
        DataFormatError, match=r"row 3: text_b cannot be read: the formula gives the error #N/A"
    ):
        table(tmp_path / "p.xlsx")


@pytest.mark.parametrize("name", ["p.json", "p.json.gz"])
def test_bytes_of_another_encoding_in_a_json_array_are_said(tmp_path, name):
    rows = [dict(zip(HEADER, ("花呗怎么还款", "怎样还花呗", 1), strict=True))] * 60
    lines = json.dumps(rows, ensure_ascii=False, indent=0).encode().split(b"\n")
    lines[202] = lines[202].replace("花".encode(), "花".encode()[:2])
    data = b"\n".join(lines)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with pytest.raises(DataFormatError, match=r"line 20\d: expected utf-8 text\. Received the bytes b"):
        table(tmp_path / name)
    reader = read_rows(tmp_path / name, on_bad_row="skip")
    assert (sum(map(len, reader)), reader.info.rejected) == (59, 1)


def test_quotes_behind_a_space_that_begins_the_line_are_quotes(tmp_path):
    path = text_file(tmp_path, ' "甲, 一","乙",1\n  "丙", "丁",0\n 戊,"己",1\n', "p.csv")
    assert table(path) == [(1, "甲, 一", "乙", 1.0), (2, "丙", "丁", 0.0), (3, " 戊", "己", 1.0)]


@pytest.mark.parametrize(
    ("name", "text", "remedy"),
    [
        ("faq.csv", "问题;答案\n怎么退货;在订单页\n", r"delimiter=';', columns=\['问题'\]"),
        ("faq.csv", "怎么退货;在订单页\n怎么付款;在付款页\n", r"delimiter=';', columns=\[1\]"),
        ("faq.csv", "怎么退货\t在订单页\n怎么付款\t在付款页\n", r"format='tsv', columns=\[1\]"),
        ("faq.tsv", "问题,答案\n怎么退货,在订单页\n", r"delimiter=',', columns=\['问题'\]"),
        ("faq.tsv", "怎么退货|在订单页\n怎么付款|在付款页\n", r"delimiter='\|', columns=\[1\]"),
    ],
)
def test_single_cells_that_look_like_rows_are_asked_about(tmp_path, name, text, remedy):
    path = text_file(tmp_path, text, name)
    with pytest.raises(
        DataFormatError, match=rf"line 1: expected one text a line\. .*{remedy}; .*pass columns=\[1\]"
    ):
        read_rows(path, TEXTS)
    assert len(next(read_rows(path, TEXTS, columns=[1], header="no"))) == text.count("\n")


def test_a_few_lines_without_a_tab_are_no_proof_of_whole_lines(tmp_path):
    path = text_file(tmp_path, "怎么退货\t在订单页\n打开订单\n怎么付款\t在付款页\n", "faq.txt")
    with pytest.raises(DataFormatError, match=r"'\\t' in 2 of 3 lines"):
        read_rows(path, TEXTS)
    path = text_file(tmp_path, "怎么退货\n一\t二\n怎么付款\n", "faq.txt")
    assert len(next(read_rows(path, TEXTS))) == 3


def test_many_columns_are_not_all_listed(tmp_path):
    names = [f"column{n}" for n in range(2000)]
    row = ["1"] * 2000
    (tmp_path / "p.csv").write_text(f"{','.join(names)}\n{','.join(row)}\n", encoding="utf-8")
    (tmp_path / "p.jsonl").write_text(f"{json.dumps(dict(zip(names, row, strict=True)))}\n", encoding="utf-8")
    for name in ("p.csv", "p.jsonl"):
        with pytest.raises(DataFormatError, match=r"'column19', and 1,980 more") as caught:
            read_rows(tmp_path / name, header="auto" if name == "p.jsonl" else "yes")
        assert len(str(caught.value)) < 1000
    (tmp_path / "q.jsonl").write_text(
        json.dumps(dict(zip(HEADER, ROWS[0], strict=True))) + "\n" + json.dumps({"k" * 10_000: 1}) + "\n",
        encoding="utf-8",
    )
    with pytest.raises(DataFormatError, match=r"line 2: .*Received the keys 'k+\.\.\.'"):
        table(tmp_path / "q.jsonl")


@pytest.mark.parametrize("make", ["table", "batch", "frame", "string frame"])
def test_text_that_is_not_utf_8_in_memory_is_a_bad_row(make):
    bytes_of = pa.array(["甲".encode(), "中".encode("gb18030"), None], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 3, bytes_of.buffers())
    table = pa.table({"text_a": broken, "text_b": ["乙", "丙", "丁"], "label": [1, 0, 0]})
    if make == "batch":
        (source,) = table.to_batches()
    elif make == "table":
        source = table
    else:
        column = pa.chunked_array([broken])
        cells = (
            pd.arrays.ArrowExtensionArray(column)
            if make == "frame"
            else pd.array(column, dtype=pd.StringDtype("pyarrow"))
        )
        source = pd.DataFrame({"text_a": cells, "text_b": ["乙", "丙", "丁"], "label": [1, 0, 0]})
    with pytest.raises(DataFormatError, match=r"the data frame, row 2: text_a cannot be read: .*utf-8"):
        list(read_rows(source))
    reader = read_rows(source, on_bad_row="skip")
    assert next(reader).texts == (["甲"], ["乙"])
    assert reader.rejected_lines == [2, 3]


@pytest.mark.parametrize("keep", [[], ["answer"], ["*"]])
def test_chunks_of_long_texts_are_short(monkeypatch, keep):
    monkeypatch.setattr("textsim.data.rows._MAX_CHUNK_CHARACTERS", 100)
    rows = [{"text_a": "甲" * 20, "text_b": "乙" * 20, "answer": "丙" * 60} for _ in range(10)]
    chunks = list(read_rows(rows, UNLABELED, keep=keep))
    assert [len(chunk) for chunk in chunks] == ([1] * 10 if keep else [3, 3, 3, 1])
    assert [line for chunk in chunks for line in chunk.lines] == list(range(1, 11))
