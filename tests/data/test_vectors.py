"""Files of numeric vector pairs."""

from __future__ import annotations

import gzip
import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from textsim.data.detection import detect_kind
from textsim.data.scaler import Scaler
from textsim.data.vectors import _joined, iter_vector_pairs
from textsim.errors import ConfigError, DataFormatError
from textsim.io import npy as io_npy


def read_vector_pairs(*args, **options):
    return _joined(list(iter_vector_pairs(*args, **options)))


NAMES = ["l1", "l2", "l3", "r1", "r2", "r3", "class"]


@pytest.fixture
def matrix():
    """Ten rows of 3 + 3 numbers and a class."""
    values = np.random.default_rng(0).standard_normal((10, 7)).astype(np.float32)
    values[:, -1] = np.arange(10) % 2
    return values


def frame(matrix, names=None):
    table = pd.DataFrame(matrix, columns=names or NAMES)
    return table.astype({table.columns[-1]: int})


def write(path, matrix):
    name = path.name.removesuffix(".gz")
    if name.endswith(".npy"):
        np.save(path, matrix)
    elif name.endswith(".npz"):
        np.savez(path, left=matrix[:, :3], right=matrix[:, 3:6], label=matrix[:, 6])
    elif name.endswith(".parquet"):
        frame(matrix).to_parquet(path)
    else:
        frame(matrix).to_csv(path, index=False, sep="\t" if name.endswith(".tsv") else ",")
    return path


FILES = ["v.csv", "v.tsv", "v.csv.gz", "v.parquet", "v.npy", "v.npz"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("chunk_numbers", [1, 1 << 22])
def test_formats(tmp_path, monkeypatch, matrix, name, chunk_numbers):
    monkeypatch.setattr(io_npy, "_NUMBERS_AT_ONCE", chunk_numbers)
    pairs = read_vector_pairs(write(tmp_path / name, matrix))
    np.testing.assert_array_equal(pairs.left, matrix[:, :3])
    np.testing.assert_array_equal(pairs.right, matrix[:, 3:6])
    np.testing.assert_array_equal(pairs.labels, matrix[:, 6])
    assert {pairs.left.dtype, pairs.right.dtype, pairs.labels.dtype} == {np.dtype(np.float32)}
    names = {"v.npy": ("1", "2", "3", "4", "5", "6"), "v.npz": ("left", "right")}
    assert pairs.names == names.get(name, tuple(NAMES[:6]))
    assert len(pairs) == 10


def test_without_a_class(tmp_path, matrix):
    frame(matrix).drop(columns="class").to_csv(tmp_path / "v.csv", index=False)
    np.save(tmp_path / "v.npy", matrix[:, :6])
    for name in ("v.csv", "v.npy"):
        pairs = read_vector_pairs(tmp_path / name, labeled=False)
        np.testing.assert_array_equal(pairs.right, matrix[:, 3:6])
        assert pairs.labels is None


def test_columns_by_name(tmp_path, matrix):
    shuffled = frame(matrix)[["r2", "class", "l1", "r1", "l3", "r3", "l2"]].rename(columns={"class": "same"})
    shuffled.to_csv(tmp_path / "v.csv", index=False)
    pairs = read_vector_pairs(tmp_path / "v.csv", columns=["l", "r", "same"])
    assert pairs.names == ("l1", "l3", "l2", "r1", "r3", "r2")
    np.testing.assert_array_equal(pairs.right, matrix[:, [3, 5, 4]])
    np.testing.assert_array_equal(pairs.labels, matrix[:, 6])

    def refused(columns, message):
        with pytest.raises(DataFormatError, match=message):
            read_vector_pairs(tmp_path / "v.csv", columns=columns)

    refused(["l", "r", "sane"], r"no column is named 'sane'\. Did you mean 'same'\?")
    refused(["l", "x", "same"], "column 'l1' has no partner 'x1' on the right")
    refused(["x", "y", "same"], "expected as many columns that begin with 'x' as with 'y'. Received 0 and 0")
    with pytest.raises(ConfigError, match="expected left prefix, right prefix, class column"):
        read_vector_pairs(tmp_path / "v.csv", columns=["l", "r"])


def test_the_class_column_may_stand_anywhere(tmp_path, matrix):
    frame(matrix)[["class", *NAMES[:6]]].to_csv(tmp_path / "v.csv", index=False)
    np.testing.assert_array_equal(read_vector_pairs(tmp_path / "v.csv").left, matrix[:, :3])


@pytest.mark.parametrize("name", ["v.csv", "v.parquet"])
def test_the_class_column_among_usual_names(tmp_path, name):
    def write(*columns):
        rows = pd.DataFrame([[1, 0.5, 2, 3, 0], [0, 0.25, 4, 5, 1]], columns=list(columns))
        rows.to_csv(tmp_path / name, index=False) if name == "v.csv" else rows.to_parquet(tmp_path / name)
        return read_vector_pairs(tmp_path / name)

    got = write("Label", "score", "a", "b", "flag")
    assert got.labels.tolist() == [1, 0] and got.names == ("score", "a", "b", "flag")
    with pytest.raises(DataFormatError, match=r"Received 'class', 'score', all usual names.*columns="):
        write("class", "score", "a", "b", "flag")


def test_headers(tmp_path, matrix):
    path = tmp_path / "v.csv"
    frame(matrix).to_csv(path, index=False, header=False)
    np.testing.assert_array_equal(read_vector_pairs(path).left, matrix[:, :3])
    with pytest.raises(DataFormatError, match="columns are asked for by name, and the file has no header"):
        read_vector_pairs(path, columns=["l", "r", "class"])
    frame(matrix, [*"123456", "class"]).to_csv(path, index=False)
    assert len(read_vector_pairs(path)) == 10
    frame(matrix, list("1234567")).to_csv(path, index=False)
    assert len(read_vector_pairs(path, header="yes")) == 10
    path.write_text("1,x,y,1\n1,2,3,1\n")
    with pytest.raises(DataFormatError, match=r"line 1: cannot tell whether this is a header: 2 of 4 cells"):
        read_vector_pairs(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,2,x,4,5,6,1", "v.csv, line 4, column l3: expected a finite number. Received 'x'."),
        ("1,2,,4,5,6,1", "v.csv, line 4, column l3: expected a finite number. Received an empty cell."),
        ("1,2,3,nan,5,6,1", "v.csv, line 4, column r1: expected a finite number. Received 'nan'."),
        ("1,2,3,4,-inf,6,1", "v.csv, line 4, column r2: expected a finite number. Received '-inf'."),
        ("1,2,3,4,1e300,6,1", "v.csv, line 4, column r2: expected a finite number. Received '1e300'."),
        ("1,2,3,4,5,6", "v.csv, line 4: expected 7 comma-separated columns. Received 6."),
        ("1,2,3,4,5,6,1,1", "v.csv, line 4: expected 7 comma-separated columns. Received 8."),
        ("1,2,3,4,5,6,2", "v.csv, line 4, column class: expected label 0 or 1"),
        ("1,2,3,4,5,6,", "v.csv, line 4, column class: expected label 0 or 1 (or true/false, yes/no"),
    ],
)
@pytest.mark.parametrize("chunk_numbers", [1, 1 << 22])
def test_bad_cells_of_csv(tmp_path, monkeypatch, row, message, chunk_numbers):
    monkeypatch.setattr(io_npy, "_NUMBERS_AT_ONCE", chunk_numbers)
    good = "1,2,3,4,5,6,0"
    (tmp_path / "v.csv").write_text("\n".join([",".join(NAMES), good, good, row, good, ""]))
    with pytest.raises(DataFormatError, match=re.escape(message)):
        read_vector_pairs(tmp_path / "v.csv")


@pytest.mark.parametrize("name", ["v.parquet", "v.npy", "v.npz"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_cells_of_arrays(tmp_path, matrix, name, value):
    matrix[6, 4] = value
    column = {"v.parquet": "r2", "v.npy": "5", "v.npz": "right"}[name]
    message = rf"{re.escape(name)}, row 7, column {column}: expected a finite number\. Received ({value}|an empty cell)"
    with pytest.raises(DataFormatError, match=message):
        read_vector_pairs(write(tmp_path / name, matrix))


@pytest.mark.parametrize(
    "options", [{"on_bad_row": "skip"}, {"on_bad_row": "skip", "rejects": "rejects.tsv"}]
)
def test_bad_rows_are_not_skipped(tmp_path, matrix, options):
    with pytest.raises(ConfigError, match=r"bad rows of vector pairs are not skipped: leave out on_bad_row"):
        list(iter_vector_pairs(write(tmp_path / "v.csv", matrix), **options))


def test_columns_are_not_kept(tmp_path, matrix):
    with pytest.raises(ConfigError, match=r"columns of vector pairs are not kept: leave out keep"):
        list(iter_vector_pairs(write(tmp_path / "v.csv", matrix), keep=["line"]))


def test_columns_are_names(tmp_path, matrix):
    with pytest.raises(
        ConfigError, match=r"expected left prefix, right prefix, class column\. Received \[1, 2, 3\]"
    ):
        read_vector_pairs(write(tmp_path / "v.csv", matrix), columns=[1, 2, 3])


@pytest.mark.parametrize("name", FILES)
def test_bad_labels(tmp_path, matrix, name):
    matrix[6, 6] = 3
    with pytest.raises(
        DataFormatError, match=r"(row 7|line 8), column (class|label|7): expected label 0 or 1"
    ):
        read_vector_pairs(write(tmp_path / name, matrix))
    pairs = read_vector_pairs(tmp_path / name, label_threshold=2)
    assert pairs.labels.tolist() == [0] * 6 + [1] + [0] * 3


@pytest.mark.parametrize("name", ["v.csv", "v.parquet"])
def test_an_odd_number_of_columns(tmp_path, matrix, name):
    table = frame(matrix).drop(columns="l2")
    table.to_csv(tmp_path / name, index=False) if name == "v.csv" else table.to_parquet(tmp_path / name)
    with pytest.raises(DataFormatError, match=r"expected an even number of numeric columns .* Received 5"):
        read_vector_pairs(tmp_path / name)


@pytest.mark.parametrize("name", FILES)
def test_a_class_column_is_left_out_and_said_where_none_is_asked_for(tmp_path, matrix, name):
    pairs = read_vector_pairs(write(tmp_path / name, matrix), labeled=False)
    np.testing.assert_array_equal(pairs.right, matrix[:, 3:6])
    assert pairs.labels is None
    assert pairs.left_out == {"v.npy": "7", "v.npz": "label"}.get(name, "class")


def test_an_odd_number_of_columns_without_a_class_is_asked_about(tmp_path, matrix):
    frame(matrix, [*NAMES[:6], "note"]).to_csv(tmp_path / "v.csv", index=False)
    with pytest.raises(DataFormatError, match=r"Received 7\. .* columns=\['left_', 'right_'\]"):
        read_vector_pairs(tmp_path / "v.csv", labeled=False)
    assert len(read_vector_pairs(tmp_path / "v.csv", labeled=False, columns=["l", "r"])) == 10


ORDERS = [
    ["left_0", "right_0", "left_1", "right_1", "left_2", "right_2"],
    ["left_0", "left_1", "left_2", "right_2", "right_1", "right_0"],
    ["a_age", "b_age", "a_sum", "b_sum", "a_days", "b_days"],
    ["age_a", "age_b", "sum_a", "sum_b", "days_a", "days_b"],
    ["0_left", "0_right", "1_left", "1_right", "2_left", "2_right"],
    ["左1", "右1", "左2", "右2", "左3", "右3"],
]


@pytest.mark.parametrize("names", ORDERS)
@pytest.mark.parametrize("name", ["v.csv", "v.parquet"])
def test_names_of_two_sides_say_which_column_is_whose(tmp_path, matrix, names, name):
    table = frame(matrix, [*names, "label"])
    table.to_csv(tmp_path / name, index=False) if name == "v.csv" else table.to_parquet(tmp_path / name)
    pairs = read_vector_pairs(tmp_path / name)
    first = names[0].replace("0", "").replace("1", "")
    sides = (names[:3], names[:2:-1]) if names[1] == "left_1" else (names[::2], names[1::2])
    assert first and pairs.names == (*sides[0], *sides[1])
    np.testing.assert_array_equal(pairs.left, table[sides[0]].to_numpy(np.float32))
    np.testing.assert_array_equal(pairs.right, table[sides[1]].to_numpy(np.float32))


@pytest.mark.parametrize(
    "names", [["v0", "v1", "v2", "v3", "v4", "v5"], list("abcdef"), ["x1", "x2", "x3", "y1", "y2", "y3"]]
)
def test_other_names_are_taken_in_order(tmp_path, matrix, names):
    frame(matrix, [*names, "label"]).to_csv(tmp_path / "v.csv", index=False)
    assert read_vector_pairs(tmp_path / "v.csv").names == tuple(names)


@pytest.mark.parametrize(
    "names",
    [
        ["id1", "id2", "left_0", "left_1", "right_0", "right_1"],
        ["left_0", "left_1", "left_2", "left_3", "right_0", "right_1"],
        ["x_mean", "y_mean", "z_mean", "x_sum", "z_sum", "w_sum3"],
    ][:2],
)
def test_names_that_contradict_the_halves_are_asked_about(tmp_path, matrix, names):
    frame(matrix, [*names, "label"]).to_csv(tmp_path / "v.csv", index=False)
    with pytest.raises(
        DataFormatError, match=r"The names say otherwise: .* columns=\['left_', 'right_', 'label'\]"
    ):
        read_vector_pairs(tmp_path / "v.csv")


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("labeled", [True, False])
def test_columns_that_are_numbered_have_a_header(tmp_path, matrix, first, labeled):
    table = frame(matrix, [str(i + first) for i in range(7)])
    (table if labeled else table.iloc[:, :6]).to_csv(tmp_path / "v.csv", index=False)
    pairs = read_vector_pairs(tmp_path / "v.csv", labeled=labeled)
    np.testing.assert_array_equal(pairs.left, matrix[:, :3])
    (tmp_path / "v.csv").write_text("0,1,2\n3,4,1\n")
    with pytest.raises(DataFormatError, match=r"line 1: cannot tell whether 0, 1, 2, \.\.\. are names"):
        read_vector_pairs(tmp_path / "v.csv")
    assert len(read_vector_pairs(tmp_path / "v.csv", header="no", label_max=2)) == 2


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ("left_0,right_0,left_1,right_1", [0, 2]),
        ("a1,b1,a2,b2", [0, 2]),
        ("0_l,0_r,1_l,1_r", [0, 2]),
        ("age_1,sum_1,age_2,sum_2", [0, 1]),
        ("age_x,sum_x,age_y,sum_y", [0, 1]),
        ("x_mean,y_mean,x_std,y_std", [0, 2]),
        ("v1,v2,v3,v4", [0, 1]),
    ],
)
def test_names_of_two_numbers_a_side(tmp_path, names, left):
    (tmp_path / "v.csv").write_text(f"{names},label\n10,11,12,13,1\n")
    assert read_vector_pairs(tmp_path / "v.csv").left.tolist() == [[10 + i for i in left]]


def test_decimal_commas_are_told(tmp_path):
    (tmp_path / "v.csv").write_text("0,5;0,25;1\n" * 3)
    with pytest.raises(DataFormatError, match="pass delimiter=';'"):
        read_vector_pairs(tmp_path / "v.csv")
    with pytest.raises(DataFormatError, match=r"Decimal commas are not read: write points"):
        read_vector_pairs(tmp_path / "v.csv", delimiter=";", header="no")


@pytest.mark.parametrize("cell", ["１", "1_0", "१"])
def test_digits_that_only_python_reads(tmp_path, cell):
    (tmp_path / "v.csv").write_text(f"a,b,label\n1,2,0\n1,{cell},1\n", encoding="utf-8")
    with pytest.raises(
        DataFormatError, match=rf"line 3, column b: expected a finite number\. Received '{cell}'"
    ):
        read_vector_pairs(tmp_path / "v.csv")


@pytest.mark.parametrize("name", ["v.jsonl", "v.json", "v.parquet"])
def test_columns_of_whole_vectors(tmp_path, matrix, name):
    rows = [{"left": row[:3].tolist(), "right": row[3:6].tolist(), "label": int(row[6])} for row in matrix]
    table = pd.DataFrame(rows)
    if name == "v.parquet":
        table.to_parquet(tmp_path / name)
    else:
        table.to_json(tmp_path / name, orient="records", lines=name == "v.jsonl", double_precision=15)
    assert detect_kind(tmp_path / name) == "vectors"
    pairs = read_vector_pairs(tmp_path / name)
    np.testing.assert_array_equal(pairs.right, matrix[:, 3:6])
    np.testing.assert_array_equal(pairs.labels, matrix[:, 6])
    rows[4]["right"] = [1, 2]
    (tmp_path / "w.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.raises(DataFormatError, match=r"line 5, column right: expected 3 numbers, .* Received 2"):
        read_vector_pairs(tmp_path / "w.jsonl")


def test_workbooks(tmp_path, matrix):
    frame(matrix).to_excel(tmp_path / "v.xlsx", index=False)
    pairs = read_vector_pairs(tmp_path / "v.xlsx")
    np.testing.assert_allclose(pairs.left, matrix[:, :3], rtol=1e-6)
    assert pairs.names == tuple(NAMES[:6])


def test_another_delimiter(tmp_path, matrix):
    frame(matrix).to_csv(tmp_path / "v.csv", index=False, sep=";")
    with pytest.raises(DataFormatError, match=r"If ';' separates the columns, pass delimiter=';'"):
        read_vector_pairs(tmp_path / "v.csv")
    assert len(read_vector_pairs(tmp_path / "v.csv", delimiter=";")) == 10


def test_columns_of_parquet_have_names(tmp_path, matrix):
    frame(matrix).to_parquet(tmp_path / "v.parquet")
    with pytest.raises(ConfigError, match=r"v\.parquet: header 'no' is for TSV, CSV and Excel"):
        read_vector_pairs(tmp_path / "v.parquet", header="no")


def test_columns_of_parquet_that_are_no_numbers(tmp_path, matrix):
    frame(matrix).assign(l2="甲").to_parquet(tmp_path / "v.parquet")
    with pytest.raises(DataFormatError, match=r"v\.parquet, row 1, column l2: expected a finite number"):
        read_vector_pairs(tmp_path / "v.parquet")
    gaps = frame(matrix)
    gaps.loc[3, "l2"] = None
    gaps.to_parquet(tmp_path / "v.parquet")
    with pytest.raises(DataFormatError, match=r"v\.parquet, row 4, column l2: expected a finite number"):
        read_vector_pairs(tmp_path / "v.parquet")


def test_arrays_of_other_shapes(tmp_path, matrix):
    def refused(message, name="v.npy"):
        with pytest.raises(DataFormatError, match=message):
            read_vector_pairs(tmp_path / name)

    np.save(tmp_path / "v.npy", matrix[:, :6])
    refused(r"expected an even number of numeric columns .* Received 5")
    np.save(tmp_path / "v.npy", matrix[0])
    refused("expected an array of two dimensions \\(rows, numbers\\). Received 1")
    np.save(tmp_path / "v.npy", np.array([["a", "b", "c"]]))
    refused("expected the array to hold rows of numbers. Received the type <U1")
    np.save(tmp_path / "v.npy", np.array([[None, 1, 2]]), allow_pickle=True)
    refused("expected the array to hold rows of numbers. Received the type object")
    (tmp_path / "v.npy").write_bytes(b"\x93NUMPY cut short")
    refused("expected a NumPy file of numbers")
    np.savez(tmp_path / "v.npz", left=matrix[:, :3], right=matrix[:, 3:6])
    refused("expected the columns left, right, label. Received left, right", "v.npz")
    np.savez(tmp_path / "v.npz", left=matrix[:, :3], right=matrix[:, 3:5], label=matrix[:, 6])
    refused("expected two vectors of as many numbers. Received 3 on the left and 2 on the right", "v.npz")
    np.savez(tmp_path / "v.npz", left=matrix[:, :3], right=matrix[1:, 3:6], label=matrix[:, 6])
    refused(r"arrays of as many rows\. Received left \(10, 3\), right \(9, 3\)", "v.npz")
    refused("no such file", "none.npy")
    refused("no such file", "none.csv")


def test_files_without_rows(tmp_path, matrix):
    (tmp_path / "v.csv").write_text("")
    with pytest.raises(DataFormatError, match=r"v\.csv: the file is empty"):
        read_vector_pairs(tmp_path / "v.csv")
    (tmp_path / "v.csv").write_text(",".join(NAMES) + "\n")
    with pytest.raises(DataFormatError, match=r"v\.csv: the file holds no rows"):
        read_vector_pairs(tmp_path / "v.csv")
    with pytest.raises(DataFormatError, match="the file holds no rows"):
        read_vector_pairs(write(tmp_path / "v.parquet", matrix[:0]))
    (tmp_path / "v.jsonl").write_text("{}\n")
    with pytest.raises(DataFormatError, match=r"v\.jsonl: expected an even number of numeric columns"):
        read_vector_pairs(tmp_path / "v.jsonl")


def test_other_encodings(tmp_path, matrix):
    text = frame(matrix, [*NAMES[:6], "类别"]).to_csv(index=False)
    (tmp_path / "v.csv").write_text(text, encoding="utf-16")
    (tmp_path / "w.csv.gz").write_bytes(gzip.compress(text.encode("gb18030")))
    for name in ("v.csv", "w.csv.gz"):
        np.testing.assert_array_equal(read_vector_pairs(tmp_path / name).left, matrix[:, :3])


@pytest.mark.parametrize("name", ["v.csv", "v.tsv", "v.parquet"])
def test_holds_vectors(tmp_path, matrix, name):
    assert detect_kind(write(tmp_path / name, matrix)) == "vectors"


def test_texts_are_no_vectors(tmp_path):
    for name, text in (("p.tsv", "甲\t乙\t1\n" * 3), ("p.csv", "text_a,text_b,label\n1,2,1\n甲,乙,1\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert detect_kind(tmp_path / name) == "pairs"
    (tmp_path / "p.jsonl").write_text("{}\n")
    assert detect_kind(tmp_path / "p.jsonl") != "vectors"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blank_lines_count_but_at_the_end(tmp_path, end):
    path = tmp_path / "v.csv"

    def read(*lines):
        path.write_bytes("".join(line + end for line in lines).encode())
        return read_vector_pairs(path)

    assert len(read("a,b,label", "1,2,0", "3,4,1", "", ",,", "")) == 2
    for where, lines in (
        (3, ["a,b,label", "1,2,0", "", "3,4,1"]),
        (1, ["", "1,2,0"]),
        (2, ["a,b,label", "", "1,2,0"]),
    ):
        with pytest.raises(DataFormatError, match=rf"v\.csv, line {where}: expected .*Received a blank line"):
            read(*lines)


def test_an_encoding_that_late_rows_tell(tmp_path, monkeypatch):
    monkeypatch.setattr("textsim.io.text_encoding._BLOCK_BYTES", 16)
    path = tmp_path / "v.csv"
    rows = b"l,r,note,label\n" + b"1,2,a,0\n" * 50
    path.write_bytes(rows + '1,2,"今天,\n\n明天",1\n'.encode("gb18030"))
    assert read_vector_pairs(path, columns=["l", "r", "label"]).labels.tolist() == [0] * 50 + [1]
    path.write_bytes(rows + "1,2,今天,1\n".encode() * 9 + b"1,2,\xff\xff,1\n")
    with pytest.raises(DataFormatError, match=r"v\.csv, line 61: expected utf-8 text"):
        read_vector_pairs(path, columns=["l", "r", "label"])


@pytest.mark.parametrize("names", [["text_a", "text_b", "label"], ["anchor", "positive", "negative"]])
def test_texts_that_are_numbers_are_no_vectors(tmp_path, names):
    rows = pd.DataFrame([[12306, 95588, 0], [10086, 10010, 1]], columns=names)
    rows.to_csv(tmp_path / "p.csv", index=False)
    rows.to_parquet(tmp_path / "p.parquet")
    assert detect_kind(tmp_path / "p.csv") != "vectors"
    assert detect_kind(tmp_path / "p.parquet") != "vectors"


def test_scaler_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    left, right = (
        rng.standard_normal((50, 4)).astype(np.float32) * [1, 10, 1e-3, 0] + [0, 5, 1e3, 7] for _ in "ab"
    )
    left, right = left.astype(np.float32), right.astype(np.float32)
    scaler = Scaler.fit([left, right])
    reference = StandardScaler().fit(np.concatenate([left, right]).astype(np.float64))
    np.testing.assert_allclose(scaler.mean, reference.mean_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(scaler.scale, reference.scale_, rtol=1e-5)
    assert scaler.constant.tolist() == [False, False, False, True]
    assert scaler.scale[3] == 1
    assert scaler(left).dtype == np.float32


def test_chunks_are_read_as_they_are_asked_for(tmp_path, monkeypatch, matrix):
    monkeypatch.setattr(io_npy, "_NUMBERS_AT_ONCE", 12)
    chunks = list(iter_vector_pairs(write(tmp_path / "v.csv", matrix)))
    assert [len(chunk) for chunk in chunks] == [2] * 5


@pytest.mark.parametrize("kind", [np.array, list, tuple])
def test_data_frames_whose_cells_are_vectors(matrix, kind):
    table = pd.DataFrame(
        {
            "left": [kind(row[:3]) for row in matrix],
            "right": [kind(row[3:6]) for row in matrix],
            "label": matrix[:, 6].astype(int),
        }
    )
    assert detect_kind(table) == "vectors"
    for source in (table, table.to_dict("records")):
        pairs = read_vector_pairs(source)
        np.testing.assert_array_equal(pairs.left, matrix[:, :3])
        np.testing.assert_array_equal(pairs.right, matrix[:, 3:6])


def test_numbers_and_texts_of_numbers_in_one_column():
    rows = [{"a": "1.5", "b": 2, "label": 1}, {"a": 2.5, "b": "3", "label": 0}]
    pairs = read_vector_pairs(rows)
    assert pairs.left.tolist() == [[1.5], [2.5]] and pairs.right.tolist() == [[2], [3]]
    with pytest.raises(DataFormatError, match=r"row 2, column a: expected a finite number\. Received '1_0'"):
        read_vector_pairs([{"a": 1, "b": 2, "label": 1}, {"a": "1_0", "b": 3, "label": 0}])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (([], [1, 2]), r"row 1, column left: expected numbers\. Received 0 numbers"),
        (([], []), r"row 1, column left: expected numbers\. Received 0 numbers"),
        (([1, 2], []), r"row 2, column left: expected 2 numbers, .*Received 0 numbers"),
        (([1], 2), r"row 2, column left: expected 1 numbers, .*Received a number"),
        (([[1], [2]], [[3], [4]]), r"row 1, column left: expected a finite number\. Received \[1\]"),
        (([1, None], [1, 2]), r"row 1, column left: expected a finite number\. Received an empty cell"),
        ((["1_0", 1], [1, 2]), r"row 1, column left: expected a finite number\. Received '1_0'"),
    ],
)
def test_cells_that_are_no_vectors_of_one_width(cells, message):
    rows = [{"left": cell, "right": [1.0, 2.0], "label": 1} for cell in cells]
    with pytest.raises(DataFormatError, match=message):
        read_vector_pairs(rows)


def test_arrays_of_three_dimensions_are_refused(tmp_path):
    cubes = np.ones((4, 3, 2), np.float32)
    np.savez(tmp_path / "v.npz", left=cubes, right=cubes, label=np.ones(4))
    with pytest.raises(DataFormatError, match=r"row 1, column left: expected a finite number"):
        read_vector_pairs(tmp_path / "v.npz")
    np.savez(tmp_path / "v.npz", left=cubes[..., :1], right=cubes[..., :1], label=np.ones(4))
    with pytest.raises(DataFormatError, match=r"row 1, column left: expected a finite number"):
        read_vector_pairs(tmp_path / "v.npz")


def test_rows_in_memory_have_no_header():
    rows = [(0, 1, 2, 3), (0.5, 0.25, 0.75, 1.0)]
    assert len(read_vector_pairs(rows, labeled=False)) == 2
    with pytest.raises(DataFormatError, match=r"row 1, column 1: expected a finite number\. Received 'a'"):
        read_vector_pairs([("a", "b", "label"), (1, 2, 0)])
