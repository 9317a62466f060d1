"""Workbooks, compared with openpyxl's own reading; and such as would take more memory than there is."""

from __future__ import annotations

import datetime
import io
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.styles import Font

from textsim.data.formats import workbook
from textsim.data.formats.files import open_table
from textsim.data.formats.workbook import Workbook
from textsim.errors import DataFormatError

SHEET = "xl/worksheets/sheet1.xml"
TEXTS = "xl/sharedStrings.xml"
HEAD = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
TEXTS_HEAD = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
TEXTS_TYPE = (
    b'<Override PartName="/%s" '
    b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)
END = b"</sheetData></worksheet>"

CELLS = st.one_of(
    st.none(),
    st.text("花a &<_x000D_\n", max_size=9),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(datetime.date(1901, 1, 1)),
    st.datetimes(datetime.datetime(1901, 1, 1)),
    st.times(),
)


def saved(book: openpyxl.Workbook) -> io.BytesIO:
    file = io.BytesIO()
    book.save(file)
    return file


def plain() -> bytes:
    book = openpyxl.Workbook()
    for row in (["问题", "号"], ["甲", 1], ["乙", 2]):
        book.active.append(row)
    return saved(book).getvalue()


def changed(path: Path, part: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """A workbook of which one part is another; where it is a further one, it holds the shared texts."""
    with zipfile.ZipFile(io.BytesIO(plain())) as old, zipfile.ZipFile(path, "w", compression) as new:
        for name in {*old.namelist(), part}:
            kept = content if name == part else old.read(name)
            if name == "[Content_Types].xml" and part not in old.namelist():
                kept = kept.replace(b"</Types>", TEXTS_TYPE % part.encode() + b"</Types>")
            new.writestr(name, kept)
    return path


def rows_of(path: Path) -> list[Any]:
    with open_table(path) as table:
        return list(table.rows)


@given(st.lists(st.lists(CELLS, max_size=4), max_size=6), st.booleans(), st.integers(0, 3))
def test_cells_are_those_of_openpyxl(rows: list[list[Any]], write_only: bool, gap: int) -> None:
    book = openpyxl.Workbook(write_only=write_only)
    sheet = book.create_sheet() if write_only else book.active
    for row in rows:
        sheet.append(row)
    if not write_only:
        sheet.cell(len(rows) + 1 + gap, 2 + gap, "后").font = Font(bold=True)
        sheet.row_dimensions[1].height = 30
    file = saved(book)
    expected = [list(row) for row in openpyxl.load_workbook(file, data_only=True).active.values]
    # Of a row without cells, and of cells at its end that are empty, nothing is kept.
    while expected and not any(cell is not None for cell in expected[-1]):
        expected.pop()
    for row in expected:
        while row and row[-1] is None:
            row.pop()
    read = Workbook(file, "a.xlsx")
    found = list(read.rows(read.sheets[0]))
    while found and not found[-1]:
        found.pop()
    assert found == expected


def test_rows_that_are_left_out_or_not_in_order(tmp_path: Path) -> None:
    def row(place: str, text: str) -> bytes:
        return f'<row{place}><c t="str"><v>{text}</v></c></row>'.encode()

    sheet = (
        HEAD
        + row(' r="2"', "a")
        + row(' r="5"', "b")
        + row(' r="5"', "c")
        + row(' r="1"', "d")
        + row("", "e")
        + END
    )
    got = rows_of(changed(tmp_path / "a.xlsx", SHEET, sheet))
    assert [number for number, cells in got if cells] == [2, 5, 6, 7, 8]
    assert [cells[0] for _, cells in got if cells] == list("abcde")


def test_shared_texts(tmp_path: Path) -> None:
    """Phonetic hints are not of the text; an escaped escape is text."""
    runs = "<si><r><t>怎么</t></r><r><t>退货</t></r><rPh sb='0' eb='1'><t>zěn</t></rPh></si><si/>"
    texts = TEXTS_HEAD + f"{runs}<si><t>_x005F_x000D_</t></si></sst>".encode()
    path = changed(tmp_path / "a.xlsx", TEXTS, texts)
    sheet = HEAD + b"<row>" + b"".join(b'<c t="s"><v>%d</v></c>' % k for k in (2, 0, 1, 0)) + b"</row>" + END
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(SHEET, sheet)
    assert rows_of(path) == [(1, ["_x000D_", "怎么退货", "", "怎么退货"])]


def test_what_comes_behind_the_first_row_of_another_sheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a"])
    book.create_sheet("更多")["A5"] = "b"
    (tmp_path / "a.xlsx").write_bytes(saved(book).getvalue())
    with pytest.raises(DataFormatError, match=r"Received them on 'Sheet' and '更多'"):
        rows_of(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    "content",
    [
        b"<row>" + b"<c/>" * 200_000,
        b'<row><c t="inlineStr"><is><t>' + b"a" * 5_000_000,
        b'<row><c t="inlineStr"><is>' + b"<r><t>a</t></r>" * 40_000,
        b"<row " + b" ".join(b'a%d=""' % k for k in range(150_000)),
        b"<!--" + b" " * 5_000_000 + b"-->",
    ],
    ids=["cells", "a text", "pieces of a text", "attributes", "a comment"],
)
def test_a_row_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(workbook, "_MAX_ROW", 1 << 22)
    path = changed(tmp_path / "a.xlsx", SHEET, HEAD + content)
    with pytest.raises(
        DataFormatError, match=r"a row of it takes more than 4,194,304 bytes of memory: save it as CSV"
    ):
        rows_of(path)


def test_elements_within_each_other_have_a_bound(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match="elements lie within each other more than 100 times"):
        rows_of(changed(tmp_path / "a.xlsx", SHEET, HEAD + b"<row>" + b"<a>" * 10_000))


def test_many_rows_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_MAX_ROW", 20_000)
    monkeypatch.setattr(workbook, "_BLOCK_BYTES", 500)
    row = '<row ht="3"><c t="inlineStr"><is><t>甲</t></is></c></row><x/>'.encode()
    assert len(rows_of(changed(tmp_path / "a.xlsx", SHEET, HEAD + row * 3000 + END))) == 3000


@pytest.mark.parametrize(
    "name", [TEXTS, "xl/other.xml", "xl/styles.xml", "xl/workbook.xml", "[Content_Types].xml"]
)
def test_what_is_loaded_whole_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(workbook, "_MAX_LOADED", 1 << 20)
    texts = TEXTS_HEAD + b"<si><t>a</t></si>" * 10_000 + b"</sst>"
    path = changed(tmp_path / "a.xlsx", name, texts)
    with pytest.raises(
        DataFormatError, match=r"its texts take more than 1,048,576 bytes of memory: save it as CSV"
    ):
        rows_of(path)


def test_a_row_number_beyond_those_of_excel(tmp_path: Path) -> None:
    sheet = HEAD + b'<row r="1"><c><v>1</v></c></row><row r="4000000000"><c><v>1</v></c></row>' + END
    with pytest.raises(
        DataFormatError, match=r"at most 1,048,576 rows\. Received row 4,000,000,000 after row 1"
    ):
        rows_of(changed(tmp_path / "a.xlsx", SHEET, sheet))


@pytest.mark.parametrize("part", [SHEET, TEXTS, "xl/workbook.xml"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_declarations_are_refused(tmp_path: Path, part: str, encoding: str) -> None:
    text = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + "c" * 99 + '">]><a>' + "&b;" * 9 + "</a>"
    with pytest.raises(DataFormatError, match=r"a\.xlsx.*holds a document type declaration"):
        rows_of(changed(tmp_path / "a.xlsx", part, text.encode(encoding)))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path: Path, compression: int) -> None:
    path = changed(tmp_path / "a.xlsx", SHEET, HEAD + END, compression)
    with pytest.raises(DataFormatError, match=r"compressed in a way that workbooks have not"):
        rows_of(path)


def _encrypted(data: bytes) -> bytes:
    # The flag of each entry of the directory, and of what lies before each part.
    for mark, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        for found in re.finditer(re.escape(mark), data):
            at = found.start() + place
            data = data[:at] + struct.pack("<H", struct.unpack_from("<H", data, at)[0] | 1) + data[at + 2 :]
    return data


@pytest.mark.parametrize(
    "damage", [_encrypted, lambda data: data[:200], lambda data: data.replace(b"PK\x05\x06", b"PK\x05\x07")]
)
def test_damage_is_one_line(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    (tmp_path / "a.xlsx").write_bytes(damage(plain()))
    with pytest.raises(DataFormatError, match=r"a\.xlsx: expected an Excel workbook\. It cannot be read: "):
        rows_of(tmp_path / "a.xlsx")
