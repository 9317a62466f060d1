from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.tiny_models import CHARACTERS, saved_model
from textsim.artifacts.saved_model import save_model
from textsim.cli.main import main
from textsim.data.dataset import PairDataset
from textsim.data.preprocess import preprocess
from textsim.errors import ArtifactError, ConfigError, DataFormatError, InputError
from textsim.matching.text_matcher import TextMatcher
from textsim.training.augmentation import mining
from textsim.training.augmentation.mining import mine_files, mine_pairs


@pytest.fixture(scope="module")
def teachers() -> list[TextMatcher]:
    return [TextMatcher(saved_model("bilstm-attention", seed)) for seed in (0, 1)]


@pytest.fixture(scope="module")
def folders(teachers: list[TextMatcher], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    paths = [tmp_path_factory.mktemp("teachers") / f"老师{k}" for k in range(len(teachers))]
    for teacher, path in zip(teachers, paths, strict=True):
        save_model(teacher.saved, path)
    return paths


def sentences(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(rng.choice(list(CHARACTERS), rng.integers(2, 8)))] = None
    return list(found)


def cosines(texts: list[str], teacher: TextMatcher) -> np.ndarray:
    vectors = teacher.encode(texts).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors.T


def test_among_all_others_a_text_gets_its_nearest(
    teachers: list[TextMatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mining, "_BLOCK", 7)
    monkeypatch.setattr(mining, "_CHUNK_ROWS", 11)
    texts = sentences(40)
    mined = mine_pairs(texts, teachers, per_text=1, fraction=1.0)
    near = cosines(texts, teachers[0])
    np.fill_diagonal(near, -1)
    best = near.max(axis=1)
    # Half precision may take the second of two that are nearly as near.
    good = near >= best[:, None] - 2e-3
    found = np.zeros(good.shape, bool)
    found[mined.left, mined.right] = found[mined.right, mined.left] = True
    assert (found & good).any(axis=1).all()
    assert not (found & ~(good | good.T)).any()


def test_a_smaller_share_gives_farther_neighbours(teachers: list[TextMatcher]) -> None:
    texts = sentences(300)
    near = cosines(texts, teachers[0])

    def mean_rank(fraction: float) -> float:
        mined = mine_pairs(texts, teachers[:1], per_text=4, fraction=fraction)
        # From whichever side it was found.
        ranks = [
            min((near[a] > near[a, b]).sum(), (near[b] > near[a, b]).sum())
            for a, b in zip(mined.left, mined.right, strict=True)
        ]
        return float(np.mean(ranks))

    assert mean_rank(1.0) < 1.5 < mean_rank(0.1) < 15 < mean_rank(0.01)


def test_labels_are_the_mean_log_odds_of_the_scores(
    teachers: list[TextMatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mining, "_CHUNK_ROWS", 7)
    texts = sentences(30)
    mined = mine_pairs(texts, teachers)
    given = [(texts[a], texts[b]) for a, b in zip(mined.left, mined.right, strict=True)]
    scores = np.stack([teacher.score_pairs(given) for teacher in teachers]).astype(np.float64)
    scores = scores.clip(1e-4, 1 - 1e-4)
    odds = np.exp(np.log(scores / (1 - scores)).mean(axis=0))
    assert mined.labels.dtype == np.float32
    np.testing.assert_allclose(mined.labels, odds / (1 + odds), atol=1e-5)


def test_pairs_are_new_and_each_stands_once(teachers: list[TextMatcher]) -> None:
    texts = sentences(50)
    first = mine_pairs(texts, teachers, per_text=3)
    assert (first.left < first.right).all()
    pairs = list(zip(first.left.tolist(), first.right.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    # Of known ones either order counts.
    known = [pairs[0], pairs[1][::-1], (3, 3)]
    again = mine_pairs(texts, teachers, known=known, per_text=3)
    assert set(zip(again.left.tolist(), again.right.tolist(), strict=True)) == set(pairs[2:])


def test_the_same_seed_gives_the_same_pairs(teachers: list[TextMatcher]) -> None:
    texts = sentences(60)
    first, same, other = (mine_pairs(texts, teachers, seed=seed) for seed in (0, 0, 1))
    for a, b in zip(first, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.left.tolist() != other.left.tolist()


def test_two_texts_are_enough_and_one_is_not(teachers: list[TextMatcher]) -> None:
    mined = mine_pairs(["花呗", "还款"], teachers, fraction=0.01)
    assert (mined.left.tolist(), mined.right.tolist()) == ([0], [1])
    with pytest.raises(InputError, match=r"texts: expected at least 2 different ones\. Received 1\."):
        mine_pairs(["花呗"], teachers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per_text": 0}, r"per_text: expected at least 1\. Received 0\."),
        ({"fraction": 0.0}, r"fraction: expected a number above 0, at most 1\. Received 0\.0\."),
        ({"fraction": 1.5}, r"fraction: .* Received 1\.5\."),
        ({"seed": -1}, r"seed: expected 0 to 4294967295\. Received -1\."),
    ],
)
def test_numbers_out_of_range(teachers: list[TextMatcher], options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        mine_pairs(["花呗", "还款"], teachers, **options)  # type: ignore[arg-type]


def test_a_file_of_pairs_becomes_one_more_training_file(folders: list[Path], tmp_path: Path) -> None:
    texts = sentences(40)
    rows = [(texts[k], texts[k + 1], k % 2) for k in range(0, 38)]
    train = tmp_path / "训练.tsv"
    train.write_text(
        "text_a\ttext_b\tlabel\n" + "".join(f"{a}\t{b}\t{label}\n" for a, b, label in rows),
        encoding="gb18030",
    )
    target = tmp_path / "mined.tsv"
    report = mine_files([train], target, folders)
    header, *lines = target.read_text(encoding="utf-8").splitlines()
    assert header == "text_a\ttext_b\tlabel" and report.encoding == "gb18030"
    cells = [line.split("\t") for line in lines]
    assert report.rows == len(cells) > 20
    assert report.matches == sum(float(label) >= 0.5 for *_, label in cells)
    labelled = {frozenset(row[:2]) for row in rows}
    assert not labelled & {frozenset(row[:2]) for row in cells}
    assert {text for row in cells for text in row[:2]} <= {text for row in rows for text in row[:2]}

    preprocess([train, target], tmp_path / "dataset", label_max=1, dev_fraction=0.2, progress=False)
    labels = np.concatenate(
        [split.labels for split in PairDataset.open(tmp_path / "dataset").splits.values()]
    )
    assert len(labels) == len(rows) + len(cells)


def test_a_log_of_texts(folders: list[Path], tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    # What is normalized away makes no new text.
    log.write_text("\n".join([*sentences(20), "花呗还款", "  花呗还款 "]) + "\n", encoding="utf-8")
    outcome = CliRunner().invoke(
        main,
        ["mine", str(log), "--kind", "texts", "--out", str(tmp_path / "mined.tsv"), "--per-text", "1"]
        + [part for folder in folders for part in ("--teacher", str(folder))],
    )
    assert outcome.exit_code == 0, outcome.output
    lines = (tmp_path / "mined.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert f"{len(lines):,} rows in " in outcome.stderr and outcome.stderr.endswith(" match\n")
    assert all(a != b for a, b, _ in (line.split("\t") for line in lines))


def test_what_can_not_be_mined_leaves_no_file(folders: list[Path], tmp_path: Path) -> None:
    train, target = tmp_path / "train.tsv", tmp_path / "mined.tsv"
    train.write_text("text_a\ttext_b\tlabel\n花呗\t还款\t1\n花呗\t\t0\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"train\.tsv, line 3: text_b is empty"):
        mine_files([train], target, folders)
    with pytest.raises(InputError, match=r"would take the place of .*, which is read"):
        mine_files(train, train, folders, on_bad_row="skip")
    with pytest.raises(ConfigError, match=r"kind: expected 'pairs' or 'texts'\. Received 'text'\."):
        mine_files(train, target, folders, kind="text")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"label_max: expected a number above 0\. Received 0\."):
        mine_files(train, target, folders, label_max=0)
    with pytest.raises(InputError, match="teachers: expected a list of models"):
        mine_files(train, target, str(folders[0]))
    with pytest.raises(ConfigError, match="teachers: expected at least one model"):
        mine_files([train], target, [])
    with pytest.raises(ArtifactError, match="needs a model of kind 'text'"):
        vectors = tmp_path / "vectors"
        save_model(saved_model("vector-l1"), vectors)
        mine_files([train], target, [vectors])
    # The one pair is known, and a text that stands in no other makes none.
    report = mine_files([train], target, folders, on_bad_row="skip")
    assert (report.rows, report.rejected) == (0, 1)
    assert target.read_text(encoding="utf-8") == "text_a\ttext_b\tlabel\n"


def test_a_path_that_cannot_be_written_is_found_out_before_the_work(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = tmp_path / "train.tsv"
    train.write_text("text_a\ttext_b\n花呗\t还款\n", encoding="utf-8")
    monkeypatch.setattr(mining, "mine_pairs", None)
    (tmp_path / "deep").mkdir()
    for target in (tmp_path / "nowhere" / "mined.tsv", tmp_path / "deep"):
        with pytest.raises(ArtifactError, match="a file cannot be made there"):
            mine_files(train, target, folders)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "train.tsv"]


def test_several_files_are_one(folders: list[Path], tmp_path: Path) -> None:
    texts = sentences(30)
    first = [(texts[k], texts[k + 1]) for k in range(0, 14, 2)]
    second = [(texts[k], texts[k + 1]) for k in range(14, 28, 2)]
    paths = [tmp_path / "a.tsv", tmp_path / "b.tsv"]
    for path, rows in zip(paths, (first, second), strict=True):
        lines = ["text_a\ttext_b\tlabel", *(f"{a}\t{b}\t5" for a, b in rows), f"{path.stem}\t\t1", ""]
        path.write_text("\n".join(lines), encoding="utf-8")
    together = [pair[side] for rows in (first, second) for side in (0, 1) for pair in rows]
    known = [(start + k, start + 7 + k) for start in (0, 14) for k in range(7)]
    teachers = [TextMatcher.load(folder) for folder in folders]

    def mined(**options: float) -> list[tuple[str, str, float]]:
        target = tmp_path / "mined.tsv"
        report = mine_files(
            paths,
            target,
            folders,
            label_max=5,
            on_bad_row="skip",
            rejects=tmp_path / "rejects.tsv",
            **options,
        )
        assert report.rejected == 2
        cells = [line.split("\t") for line in target.read_text(encoding="utf-8").splitlines()[1:]]
        return [(a, b, float(label)) for a, b, label in cells]

    # Not what other seeds and fractions give.
    seen = []
    for options in ({"seed": 3}, {"seed": 4}, {"fraction": 0.5}, {"per_text": 5}):
        expected = mine_pairs(together, teachers, known=known, **options)  # type: ignore[arg-type]
        rows = mined(**options)
        assert [(a, b) for a, b, _ in rows] == [
            (together[a], together[b]) for a, b in zip(expected.left, expected.right, strict=True)
        ]
        np.testing.assert_allclose([label for *_, label in rows], 5 * expected.labels, rtol=1e-5)
        seen.append(sorted(rows))
    assert all(seen[0] != other for other in seen[1:])
    reasons = (tmp_path / "rejects.tsv").read_text(encoding="utf-8").splitlines()
    assert len(reasons) == 3 and "a.tsv\t9\t" in reasons[1] and "b.tsv\t9\t" in reasons[2]


def test_texts_of_which_the_teacher_reads_the_same_are_no_pair(
    teachers: list[TextMatcher], folders: list[Path], tmp_path: Path
) -> None:
    greeting = "你好你好你好你好你好"  # as long as what is read
    texts = [f"{greeting}花呗", f"{greeting}还款", "天气🍎", "天气🍌", "今天", "明天"]
    mined = mine_pairs(texts, teachers, per_text=5, fraction=1.0)
    pairs = set(zip(mined.left.tolist(), mined.right.tolist(), strict=True))
    assert pairs and not pairs & {(0, 1), (2, 3)}
    log = tmp_path / "log.txt"
    log.write_text("\n".join(texts), encoding="utf-8")
    assert mine_files(log, tmp_path / "mined.tsv", folders, kind="texts").truncated == 2
    # Two that differ and of which nothing is known are different.
    mined = mine_pairs(["🍎", "🍌🍌"], teachers, fraction=1.0)
    assert mined.labels.tolist() == [np.float32(1e-4)]


def test_labels_never_read_back_as_certain(
    teachers: list[TextMatcher], folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # From certain labels others would follow.
    sure = lambda self, left, right, differ, cache: (np.arange(len(left), dtype="float32") % 2, None)  # noqa: E731
    monkeypatch.setattr(TextMatcher, "compare_keys", sure)
    log = tmp_path / "log.txt"
    log.write_text("\n".join(sentences(20)), encoding="utf-8")
    mine_files(log, tmp_path / "mined.tsv", folders, kind="texts")
    lines = (tmp_path / "mined.tsv").read_text(encoding="utf-8").splitlines()[1:]
    labels = {float(line.split("\t")[2]) for line in lines}
    assert labels == {0.0001, 0.9999}


def test_others_are_bounded(teachers: list[TextMatcher], monkeypatch: pytest.MonkeyPatch) -> None:
    texts = sentences(40)
    everything = mine_pairs(texts, teachers, per_text=1, fraction=1.0)
    # The nearest of all comes up in every round.
    again = mine_pairs(texts, teachers, per_text=3, fraction=1.0)
    assert again.left.tolist() == everything.left.tolist()
    monkeypatch.setattr(mining, "MOST_OTHERS", 4)
    bounded = mine_pairs(texts, teachers, per_text=3, fraction=1.0)
    few = mine_pairs(texts, teachers, per_text=3, fraction=0.1)
    assert bounded.left.tolist() == few.left.tolist() != everything.left.tolist()


def test_known_pairs_of_texts_that_are_not_there(teachers: list[TextMatcher]) -> None:
    with pytest.raises(InputError, match=r"known: expected places from 0 to 1\. Received 0 to 99\."):
        mine_pairs(["花呗", "还款"], teachers, known=[(0, 99)])
