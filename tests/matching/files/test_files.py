"""Files scored and encoded as streams."""

from __future__ import annotations

import gzip
import io
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.tiny_models import CHARACTERS, DIM, MAX_LENGTH, saved_model
from textsim.errors import DataFormatError, InputError
from textsim.io.progress import Bar
from textsim.matching.files import text_file
from textsim.matching.files.encode import encode_file
from textsim.matching.files.score import score_file
from textsim.matching.files.search import search_file
from textsim.matching.index.entries import Entry
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import CACHE_BYTES, TextMatcher
from textsim.matching.vector_matcher import VectorMatcher


@pytest.fixture(scope="module")
def matcher() -> TextMatcher:
    return TextMatcher(saved_model("bilstm-manhattan"))


def random_pairs(rows: int) -> list[tuple[str, str]]:
    random = np.random.default_rng(0)
    pool = [
        "".join(random.choice(list(CHARACTERS), random.integers(1, MAX_LENGTH))) for _ in range(rows // 2)
    ]
    return [(pool[i], pool[j]) for i, j in random.integers(0, len(pool), (rows, 2))]


def write_pairs(path: Path, pairs: list[tuple[str, str]], encoding: str = "utf-8") -> Path:
    path.write_bytes("".join(f"{a}\t{b}\n" for a, b in pairs).encode(encoding))
    return path


def read_scores(path: Path) -> list[list[str]]:
    header, *lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    assert header == "text_a\ttext_b\tscore\tprobability\tdecision"
    return [line.split("\t") for line in lines]


@pytest.mark.parametrize("cache_bytes", [0, 5000, CACHE_BYTES])
def test_rows_keep_their_order_and_scores(
    matcher: TextMatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache_bytes: int
) -> None:
    pairs = random_pairs(100)
    source = write_pairs(tmp_path / "对.tsv", pairs)
    monkeypatch.setattr(text_file, "CHUNK_ROWS", 7)
    report = score_file(matcher, source, tmp_path / "scores.tsv", cache_bytes=cache_bytes)
    rows = read_scores(tmp_path / "scores.tsv")
    assert [tuple(row[:2]) for row in rows] == pairs
    scores = matcher.score_pairs(pairs)
    np.testing.assert_allclose([float(row[2]) for row in rows], scores, rtol=0, atol=2e-6)
    decisions = matcher.decisions(matcher.score_texts(*zip(*pairs, strict=True)))
    assert [row[4] for row in rows] == [decision.decision for decision in decisions]
    probabilities = [decision.probability for decision in decisions]
    np.testing.assert_allclose([float(row[3]) for row in rows], probabilities, rtol=0, atol=2e-6)
    assert (report.rows, report.encoding, report.rejected, report.truncated) == (100, "utf-8", 0, 0)
    assert report.matches == sum(row[4] == "match" for row in rows) and report.seconds > 0


def test_a_text_that_occurs_again_is_encoded_once(
    matcher: TextMatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = matcher._scorer.encode_ids
    count = SimpleNamespace(
        encode_ids=lambda ids, lengths: encoded.append(len(lengths)) or encode(ids, lengths),
        compare=matcher._scorer.compare,
    )
    monkeypatch.setattr(matcher, "_scorer", count)
    pairs = random_pairs(60)
    source = write_pairs(tmp_path / "pairs.tsv", pairs)
    score_file(matcher, source, tmp_path / "scores.tsv", chunk_rows=4)
    assert sum(encoded) == len({text for pair in pairs for text in pair})
    encoded.clear()
    score_file(matcher, source, tmp_path / "spilled.tsv", chunk_rows=4, cache_bytes=2000)
    assert sum(encoded) == len({text for pair in pairs for text in pair})
    assert (tmp_path / "spilled.tsv").read_bytes() == (tmp_path / "scores.tsv").read_bytes()


def test_standard_input_and_output(
    matcher: TextMatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = random_pairs(6)
    source = write_pairs(tmp_path / "pairs.tsv", pairs)
    score_file(matcher, source, tmp_path / "scores.tsv")
    stdin, stdout = io.BytesIO(source.read_bytes()), io.BytesIO()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stdin))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=stdout))
    score_file(matcher, "-", "-", progress=False)
    assert stdout.getvalue() == (tmp_path / "scores.tsv").read_bytes()


def test_other_formats_and_encodings(matcher: TextMatcher, tmp_path: Path) -> None:
    lines = [{"b": "好", "a": "你\t好\n吗"}, {"a": "怎么\ud800还", "b": "好"}]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    score_file(matcher, tmp_path / "pairs.jsonl", tmp_path / "scores.tsv", columns=["a", "b"])
    assert [row[:2] for row in read_scores(tmp_path / "scores.tsv")] == [
        ["你 好 吗", "好"],
        ["怎么?还", "好"],
    ]
    write_pairs(tmp_path / "pairs.txt", [("花呗怎么还款", "怎样还花呗")], "gb18030")
    report = score_file(matcher, tmp_path / "pairs.txt", tmp_path / "scores.tsv")
    assert report.encoding == "gb18030"


def test_unknown_texts_score_as_alone(matcher: TextMatcher, tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "pairs.tsv", [("😀😀", "🎉"), ("🎉", "🎉"), ("好", "🎉")])
    score_file(matcher, source, tmp_path / "scores.tsv")
    scores = [float(row[2]) for row in read_scores(tmp_path / "scores.tsv")]
    assert scores[0] == 0 < scores[1]
    assert scores == pytest.approx(
        [matcher.score(*pair) for pair in (("😀", "🎉"), ("🎉", "🎉"), ("好", "🎉"))], abs=1e-6
    )


def test_truncated_texts_are_counted(matcher: TextMatcher, tmp_path: Path) -> None:
    long = "好" * (MAX_LENGTH + 1)
    source = write_pairs(tmp_path / "pairs.tsv", [(long, long), (long, "好")])
    assert score_file(matcher, source, tmp_path / "scores.tsv").truncated == 3


def test_bad_rows(matcher: TextMatcher, tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "pairs.tsv", [("你好", "好"), ("\u200b", "好"), ("好", "吗")])
    with pytest.raises(DataFormatError, match=r"pairs\.tsv, line 2: text_a: .* empty once it is normalized"):
        score_file(matcher, source, tmp_path / "scores.tsv")
    assert not (tmp_path / "scores.tsv").exists()
    report = score_file(
        matcher, source, tmp_path / "scores.tsv", on_bad_row="skip", rejects=tmp_path / "rejects.tsv"
    )
    assert (report.rows, report.rejected) == (2, 1)
    assert [row[0] for row in read_scores(tmp_path / "scores.tsv")] == ["你好", "好"]
    assert len((tmp_path / "rejects.tsv").read_text(encoding="utf-8").splitlines()) == 2
    with pytest.raises(DataFormatError, match=r"missing\.tsv: no such file"):
        score_file(matcher, tmp_path / "missing.tsv", tmp_path / "scores.tsv")


@pytest.mark.parametrize("format", ["tsv", "csv", "jsonl", "parquet"])
def test_rows_that_are_left_can_be_joined_to_the_input(
    matcher: TextMatcher, tmp_path: Path, format: str
) -> None:
    breaks = "\n" if format != "tsv" else " "
    texts = [f"你{breaks}好", "", "好", "\u200b", "好\u2028吗"]
    frame = pd.DataFrame({"id": [7, 8, 9, 10, 11], "text_a": texts, "text_b": "好", "from": list("vwxyz")})
    source = tmp_path / f"pairs.{format}"
    if format == "parquet":
        frame.to_parquet(source)
    elif format == "jsonl":
        frame.to_json(source, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_csv(source, sep="\t" if format == "tsv" else ",", index=False)
    report = score_file(
        matcher, source, tmp_path / "scores.tsv", keep=["line", "id", 4], on_bad_row="skip", chunk_rows=2
    )
    header, *rows = [
        line.split("\t") for line in (tmp_path / "scores.tsv").read_text("utf-8").split("\n")[:-1]
    ]
    assert header == ["text_a", "text_b", "score", "probability", "decision", "line", "id", "from"]
    lines = {"tsv": [2, 3, 4, 5, 6], "csv": [2, 4, 5, 6, 7]}.get(format, [1, 2, 3, 4, 5])
    assert [row[5:] for row in rows] == [
        [str(lines[0]), "7", "v"],
        [str(lines[2]), "9", "x"],
        [str(lines[4]), "11", "z"],
    ]
    assert [row[0] for row in rows] == ["你 好", "好", "好\u2028吗"]
    assert (report.rejected, report.rejected_lines) == (2, [lines[1], lines[3]])


def test_cells_that_are_kept(matcher: TextMatcher, tmp_path: Path) -> None:
    row = {
        "text_a": "好",
        "text_b": "吗",
        "n": 1.5,
        "ok": True,
        "no": None,
        "甲": "一\t二\n",
        "x": {"a": ["乙"]},
    }
    (tmp_path / "p.jsonl").write_text(json.dumps(row))
    score_file(matcher, tmp_path / "p.jsonl", tmp_path / "s.tsv", keep=["n", "ok", "no", "甲", "x"])
    written = (tmp_path / "s.tsv").read_text(encoding="utf-8").splitlines()[1].split("\t")
    assert written[5:] == ["1.5", "true", "", "一 二 ", '{"a": ["乙"]}']


def test_what_is_written_anyway_is_not_kept(matcher: TextMatcher, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("text_a,text_b,score\n好,好,5\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"keep: expected columns other than text_a.* Received 'score'"):
        score_file(matcher, tmp_path / "p.csv", tmp_path / "s.tsv", keep=[3])
    assert not (tmp_path / "s.tsv").exists()


def test_a_failure_spares_an_older_output(matcher: TextMatcher, tmp_path: Path) -> None:
    (tmp_path / "scores.tsv").write_text("older")
    source = write_pairs(tmp_path / "pairs.tsv", [("你好", "好")])
    source.write_bytes(source.read_bytes() + b"one column\n")
    with pytest.raises(DataFormatError, match="line 2"):
        score_file(matcher, source, tmp_path / "scores.tsv", chunk_rows=1)
    assert (tmp_path / "scores.tsv").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pairs.tsv", "scores.tsv"]


def test_vector_file(tmp_path: Path) -> None:
    matcher = VectorMatcher(saved_model("vector-contrastive"))
    matrix = np.random.default_rng(0).normal(size=(9, 2 * DIM)).astype(np.float32)
    np.save(tmp_path / "pairs.npy", matrix)
    report = score_file(matcher, tmp_path / "pairs.npy", tmp_path / "scores.tsv")
    header, *rows = (tmp_path / "scores.tsv").read_text().splitlines()
    scores = matcher.score_pairs(matrix[:, :DIM], matrix[:, DIM:])
    assert header == "row\tscore\tprobability\tdecision" and report.rows == 9
    assert [row.split("\t")[0] for row in rows] == [str(n) for n in range(1, 10)]
    np.testing.assert_allclose([float(row.split("\t")[1]) for row in rows], scores, atol=2e-6)


def test_what_is_no_matcher(tmp_path: Path) -> None:
    nothing: Any = "run1"
    with pytest.raises(InputError, match=r"matcher: expected a loaded matcher\. Received str"):
        score_file(nothing, tmp_path / "a", tmp_path / "b")


def test_encode_file(matcher: TextMatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [text for pair in random_pairs(20) for text in pair]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    monkeypatch.setattr(text_file, "CHUNK_ROWS", 3)
    report = encode_file(matcher, tmp_path / "texts.txt", tmp_path / "vectors.npy")
    encoded = np.load(tmp_path / "vectors.npy")
    assert encoded.dtype == np.float32 and report.rows == len(texts) and report.matches is None
    np.testing.assert_allclose(encoded, matcher.encode(texts), rtol=1e-6, atol=1e-6)
    (tmp_path / "texts.txt").write_text("好\n\n好", encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"texts\.txt, line 2"):
        encode_file(matcher, tmp_path / "texts.txt", tmp_path / "others.npy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["texts.txt", "vectors.npy"]


def test_progress_bar(matcher: TextMatcher, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_pairs(tmp_path / "pairs.tsv", random_pairs(4))
    score_file(matcher, source, tmp_path / "scores.tsv", progress=True)
    assert "scoring: 0.00 pairs" in capsys.readouterr().err
    score_file(matcher, source, tmp_path / "scores.tsv")
    assert capsys.readouterr().err == ""


def test_what_is_read_is_never_replaced(matcher: TextMatcher, tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "pairs.tsv", random_pairs(4))
    before = source.read_bytes()
    (tmp_path / "link.tsv").symlink_to(source)
    for target in (source, tmp_path / "link.tsv"):
        with pytest.raises(InputError, match=r"would take the place of .*, which is read"):
            score_file(matcher, source, target)
        with pytest.raises(InputError, match=r"would take the place of .*, which is read"):
            encode_file(matcher, source, target)
    assert source.read_bytes() == before


def test_rejects_and_scores_are_two_files(matcher: TextMatcher, tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "pairs.tsv", random_pairs(4))
    for write in (score_file, encode_file):
        with pytest.raises(InputError, match=r"would take the place of"):
            write(matcher, source, tmp_path / "o", on_bad_row="skip", rejects=tmp_path / "x" / ".." / "o")
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.tsv"]


def test_the_outputs_name_tells_its_form(matcher: TextMatcher, tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "pairs.tsv", random_pairs(4))
    score_file(matcher, source, tmp_path / "plain.txt")
    packed = []
    for name in ("a.tsv.gz", "b.GZ"):
        score_file(matcher, source, tmp_path / name)
        packed.append((tmp_path / name).read_bytes())
    assert packed[0] == packed[1]
    assert gzip.decompress(packed[0]) == (tmp_path / "plain.txt").read_bytes()
    plain = pd.read_csv(tmp_path / "plain.txt", sep="\t", dtype=str, na_filter=False)
    readers = {"s.csv": pd.read_csv, "s.PARQUET": pd.read_parquet, "s.xlsx": pd.read_excel}
    for name, read in readers.items():
        score_file(matcher, source, tmp_path / name)
        table = read(tmp_path / name)
        assert table["text_a"].tolist() == plain["text_a"].tolist()
        np.testing.assert_allclose(table["score"], plain["score"].astype(float), atol=1e-6)
        assert table["decision"].tolist() == plain["decision"].tolist()
    with pytest.raises(InputError, match=r"a \.npy file holds one matrix"):
        score_file(matcher, source, tmp_path / "s.npy")
    assert not (tmp_path / "s.npy").exists()


def test_vectors_beside_their_texts(matcher: TextMatcher, tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "pairs.tsv", random_pairs(4))
    encode_file(matcher, source, tmp_path / "v.npy", columns=[1])
    encode_file(matcher, source, tmp_path / "v.jsonl", columns=[1])
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == [row[0] for row in random_pairs(4)]
    np.testing.assert_array_equal(
        np.array([row["vector"] for row in rows], "f4"), np.load(tmp_path / "v.npy")
    )


@pytest.mark.parametrize("target", ["-", os.devnull])
def test_vectors_are_no_stream(matcher: TextMatcher, tmp_path: Path, target: str) -> None:
    source = write_pairs(tmp_path / "pairs.tsv", random_pairs(4))
    with pytest.raises(InputError, match="vectors are written to a file"):
        encode_file(matcher, source, target, columns=[1])


def test_the_bar_of_a_file_knows_its_end(
    matcher: TextMatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[float, float | None]] = []
    monkeypatch.setattr(Bar, "update", lambda self, n, fraction: seen.append((n, fraction)))
    source = tmp_path / "pairs.tsv"
    source.write_text("花呗\t怎么还\n" * 150_000, encoding="utf-8")
    score_file(matcher, source, tmp_path / "scores.tsv")
    assert sum(n for n, _ in seen) == 150_000
    fractions = [fraction for _, fraction in seen]
    assert None not in fractions and fractions == sorted(fractions) and fractions[-1] == 1
    assert 0 < fractions[0] < 0.6


def test_columns_of_payloads_are_all_written(matcher: TextMatcher, tmp_path: Path) -> None:
    payload = {"rank": "A", "payload.rank": "B", "payload.payload.rank": "C", "other": "D"}
    index = TextIndex.build(matcher, [Entry("花呗", "1", payload), Entry("今天", "2")])
    search_file(index, ["花呗"], tmp_path / "found.csv", k=1, progress=False)
    found = pd.read_csv(tmp_path / "found.csv").iloc[0].to_dict()
    assert found["rank"] == 1 and sorted(value for value in found.values() if value in list("ABCD")) == list(
        "ABCD"
    )
    assert found["payload.rank"] == "B" and found["payload.payload.rank"] == "C" and found["other"] == "D"
