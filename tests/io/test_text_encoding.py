"""Finding the encoding of a file, and its lines."""

from __future__ import annotations

import gzip
import io
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from textsim.errors import ConfigError, DataFormatError
from textsim.io.text_encoding import BadLine, Lines, detect_encoding, open_bytes, raw_lines

TEXT = "今天天气怎么样\t明天会下雨吗\t0\n手机 wifi 连不上了\t手机连不上无线网\t1\n一一如意　二二得四\t好\t1\n"
TRADITIONAL = "今天天氣怎麼樣\t請問這個價錢多少\t0\n為什麼電腦開機這麼慢呢\t電腦開機變慢\t1\n"


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("gb18030", "gb18030"),
        ("gbk", "gb18030"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_detects_the_encodings_of_simplified_chinese(encoding, name, whole):
    data = (TEXT * 20).encode(encoding)
    if not whole:
        data = data[:-9]
    assert detect_encoding(data, whole=whole) == name


@pytest.mark.parametrize("encoding", ["big5", "utf-8", "utf-16-le"])
def test_detects_the_encodings_of_traditional_chinese(encoding):
    assert detect_encoding((TRADITIONAL * 20).encode(encoding), whole=True) == encoding


def test_ascii_and_stray_nul_bytes_are_utf8():
    assert detect_encoding(b"", whole=True) == "utf-8"
    assert detect_encoding(b"a\tb\t1\n", whole=True) == "utf-8"
    assert detect_encoding("天气\0好\tb\t1\n".encode(), whole=True) == "utf-8"
    assert detect_encoding("abc\tdef\t1\n".encode("utf-16-be"), whole=True) == "utf-16-be"


def test_bytes_without_an_encoding(tmp_path):
    path = tmp_path / "noise.tsv"
    path.write_bytes(bytes(range(128, 256)) * 3)
    assert detect_encoding(path.read_bytes(), whole=True) is None
    with pytest.raises(DataFormatError, match=r"noise\.tsv: cannot tell the encoding.*encoding="):
        list(raw_lines(path))


def read(data: bytes, encoding: str | None = None) -> tuple[str, list[tuple[int, str]]]:
    lines = Lines(io.BytesIO(data), "a.tsv", encoding)
    read = list(lines)
    return lines.encoding, read


def test_lines_end_with_lf_or_crlf_alone():
    text = "一\u2028二\x0b\x0c\x1c\x85\r三\r\n四\0\n\n五\r\n"
    lines = [(1, "一\u2028二\x0b\x0c\x1c\x85\r三"), (2, "四\0"), (3, ""), (4, "五")]
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert read(text.encode(encoding)) == (encoding, lines)
    assert read(text.encode("gb18030"), "GB18030") == ("gb18030", lines)


def test_the_last_line_needs_no_end_and_a_named_encoding_drops_the_mark():
    assert read("一\n二".encode()) == ("utf-8", [(1, "一"), (2, "二")])
    assert read("一\n".encode("utf-8-sig"), "utf-8")[1] == [(1, "一")]
    assert read(b"")[1] == []


def test_the_first_character_beyond_ascii_decides(monkeypatch):
    monkeypatch.setattr("textsim.io.text_encoding._BLOCK_BYTES", 16)
    data = b"a\tb\t1\n" * 100 + "今天\t明天\t1\n".encode("gb18030") * 10
    name, lines = read(data)
    assert name == "gb18030"
    assert lines[100] == (101, "今天\t明天\t1")


@pytest.mark.parametrize("ascii_bytes", range(1, 9))
@pytest.mark.parametrize("block", [4, 8])
def test_the_end_of_a_block_does_not_decide(monkeypatch, ascii_bytes, block):
    # The first byte of 退 in GB18030 begins a character of UTF-8 too.
    monkeypatch.setattr("textsim.io.text_encoding._BLOCK_BYTES", block)
    text = "a" * ascii_bytes + "退货\t退货流程\n" + "怎么把手机里的照片传到电脑上\n" * 5
    lines = Lines(io.BytesIO(text.encode("gb18030")), "x.txt")
    assert "".join(f"{line}\n" for _, line in lines) == text and lines.encoding == "gb18030"


def test_ascii_is_handed_out_before_the_rest_is_read(monkeypatch):
    monkeypatch.setattr("textsim.io.text_encoding._BLOCK_BYTES", 16)
    file = io.BytesIO(b"1,2,0\n" * 100 + "今天,明天,1\n".encode("gb18030") * 10)
    lines = Lines(file, "a.csv")
    assert next(iter(lines)) == (1, "1,2,0")
    assert (file.tell(), lines.encoding) == (16, "utf-8")
    assert list(lines)[99] == (101, "今天,明天,1")
    assert lines.encoding == "gb18030"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5"])
@pytest.mark.parametrize("block", [5, 64, 1 << 18])
def test_a_line_with_bytes_of_another_encoding_is_a_bad_one_among_good_ones(monkeypatch, encoding, block):
    monkeypatch.setattr("textsim.io.text_encoding._BLOCK_BYTES", block)
    good = "今天天氣\n".encode(encoding) * 50
    _, lines = read(good + "壞".encode(encoding) + b"\xff\xff\n" + good, encoding)
    assert [line for number, line in lines if number != 51] == ["今天天氣"] * 100
    bad = lines[50][1]
    assert isinstance(bad, BadLine) and bad.startswith("壞")
    name = "utf-8-sig" if encoding == "utf-8" else encoding
    assert bad.reason.startswith(rf"expected {name} text. Received the bytes b'\xff\xff'.")


@pytest.mark.parametrize("block", [5, 64, 1 << 18])
def test_a_wrong_byte_of_utf_16_names_its_line(monkeypatch, block):
    monkeypatch.setattr("textsim.io.text_encoding._BLOCK_BYTES", block)
    good = "今天天气\n".encode("utf-16-le") * 50
    with pytest.raises(DataFormatError, match=r"a\.tsv, line 51: expected .* text\. Received the bytes b"):
        read(good + b"\x00\xd8\x00\xd8" + "\n".encode("utf-16-le") + good, "utf-16-le")


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_an_encoding_holds_where_a_line_in_a_hundred_is_cut_within_a_character(encoding):
    good = "花呗怎么还款\t怎样还花呗\t1\n".encode(encoding)
    cut = "花呗怎么还款".encode(encoding)[:-1] + "\t怎样还花呗\t1\n".encode(encoding)
    name, lines = read(good * 99 + cut + good)
    assert name == encoding and [n for n, line in lines if isinstance(line, BadLine)] == [100]


@pytest.mark.parametrize("text", ["一\r二\r三\r", "一\r二", "一\r二\r\r" * 40 + "三\n四"])
def test_line_ends_of_cr_alone_are_refused(text):
    with pytest.raises(
        DataFormatError, match=r"a\.tsv: expected lines that end with LF or CR LF\. .*carriage"
    ):
        read(text.encode())


def test_a_line_without_an_end_is_bounded_in_memory_and_time(monkeypatch):
    monkeypatch.setattr("textsim.io.text_encoding.MAX_LINE_CHARACTERS", 1000)
    monkeypatch.setattr("textsim.io.text_encoding._BLOCK_BYTES", 64)
    _, lines = read(b"a" * 1000 + b"\n" + b"b" * 1001 + b"\nc\n" + b"d" * 5000)
    assert [len(line) for _, line in lines] == [1000, 80, 1, 80]
    assert isinstance(lines[1][1], BadLine) and isinstance(lines[3][1], BadLine)
    assert lines[3][1].reason == "expected at most 1,000 characters in a line. Received 5,000."


def test_an_unknown_encoding():
    with pytest.raises(ConfigError, match="unknown encoding 'utf-9'"):
        read(b"", "utf-9")


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(DataFormatError, match=r"none\.tsv: no such file"), open_bytes(tmp_path / "none.tsv"):
        pass
    with pytest.raises(DataFormatError, match="Received a folder"), open_bytes(tmp_path):
        pass


def test_gzip_and_a_damaged_one(tmp_path):
    path = tmp_path / "文.txt.gz"
    path.write_bytes(gzip.compress("一\n \n二\n".encode()))
    assert list(raw_lines(path)) == ["一", "二"]
    path.write_bytes(gzip.compress(TEXT.encode() * 100)[:-20])
    with pytest.raises(DataFormatError, match=r"txt\.gz: the gzip stream is damaged or cut short"):
        list(raw_lines(path))
    path.write_bytes(b"not gzip")
    with pytest.raises(
        DataFormatError, match=r"txt\.gz: expected gzip, .*not compressed: take \.gz off its name"
    ):
        list(raw_lines(path))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.integers(1, 9))
def test_lines_are_those_of_a_split_at_lf(text, block):
    data = text.encode()
    blocks = [data[i : i + block] for i in range(0, len(data), block)]

    class Stream:
        def read1(self, size: int) -> bytes:
            return blocks.pop(0) if blocks else b""

        read = read1

    lone = re.findall(r"\r(?!\n)(?=.)", text, re.DOTALL)
    assume(len(lone) <= text.count("\n"))
    lines = Lines(Stream(), "a.tsv", "utf-8")  # type: ignore[arg-type]
    expected = text.removeprefix("\ufeff").split("\n")
    if not expected[-1]:
        expected.pop()
    assert [line for _, line in lines] == [line.removesuffix("\r") for line in expected]


@pytest.mark.parametrize("name", ["base64", "rot13", "idna", "punycode", "undefined", "none"])
def test_codecs_that_are_none_of_files(tmp_path, name):
    (tmp_path / "a.txt").write_text("a\n")
    with pytest.raises(ConfigError, match=f"unknown encoding '{name}'"):
        list(raw_lines(tmp_path / "a.txt", name))


def test_a_broken_byte_is_told_with_its_line(tmp_path):
    good = "怎么还款，如何还款\n".encode() * 200
    (tmp_path / "a.txt").write_bytes(good + b"\xe6\x80\xe8\xbf\x98\n" + good)
    with pytest.raises(DataFormatError, match=r"a\.txt, line 201: expected utf-8 text"):
        list(raw_lines(tmp_path / "a.txt"))


def test_a_broken_byte_in_a_short_file(tmp_path):
    (tmp_path / "a.txt").write_bytes("花呗怎么还款\t怎样还花呗\t1\n".encode() + b"\xff\n")
    with pytest.raises(DataFormatError, match=r"a\.txt, line 2: expected utf-8 text"):
        list(raw_lines(tmp_path / "a.txt"))
