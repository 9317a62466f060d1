"""The bundled demo data is what its script makes, and keeps the promises of its provenance file."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "resources" / "demo"
TABLES = {
    "questions.tsv": ["domain", "group", "role", "text"],
    "pairs_train.tsv": ["text_a", "text_b", "label"],
    "pairs_dev.tsv": ["text_a", "text_b", "label"],
    "triplets_train.tsv": ["anchor", "positive", "negative"],
    "triplets_dev.tsv": ["anchor", "positive", "negative"],
}


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_demo_data", ROOT / "scripts" / "make_demo_data.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    yield load_script()
    sys.modules.pop("make_demo_data", None)


@pytest.fixture(scope="module")
def groups(script: ModuleType) -> list:
    return script.read_groups(DEMO / "questions.tsv")


def read_table(name: str, delimiter: str = "\t") -> list[list[str]]:
    """Rows below the header, cut without any quoting rule."""
    lines = (DEMO / name).read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    return [line.split(delimiter) for line in lines[1:]]


@pytest.mark.parametrize(("name", "header"), TABLES.items())
def test_tables_need_no_quoting(name: str, header: list[str]) -> None:
    content = (DEMO / name).read_bytes().decode("utf-8")
    assert content.endswith("\n") and not content.startswith("\ufeff")
    assert not re.search(r'[\r"\x00-\x08\x0b-\x1f\x7f\u3000\u200b]', content)
    rows = [line.split("\t") for line in content.removesuffix("\n").split("\n")]
    assert rows[0] == header
    assert all(len(row) == len(header) for row in rows)
    assert all(cell and cell == cell.strip() for row in rows for cell in row)


def test_every_group_has_four_to_six_questions_and_two_or_three_near_misses(groups: list) -> None:
    assert len(groups) == 140
    for group in groups:
        assert group.name.startswith(f"{group.domain}-")
        assert 4 <= len(group.same) <= 6, group.name
        assert 2 <= len(group.near) - len(group.again) <= 3, group.name


def test_no_sentence_stands_twice(groups: list) -> None:
    texts = [re.sub(r"\W", "", text) for group in groups for text in group.same + group.near]
    assert len(set(texts)) == len(texts) == 1276


@pytest.mark.parametrize("split", ["train", "dev"])
def test_labels_follow_the_groups(groups: list, split: str) -> None:
    group_of = {text: group for group in groups for text in group.same + group.near}
    near = {text for group in groups for text in group.near}
    again = {frozenset(pair) for group in groups for pair in group.again}
    rows = read_table(f"pairs_{split}.tsv")
    assert len({frozenset(row[:2]) for row in rows}) == len(rows)
    for text_a, text_b, label in rows:
        assert group_of[text_a].split == group_of[text_b].split == split
        one_group = group_of[text_a] is group_of[text_b]
        one_intent = (one_group and not {text_a, text_b} & near) or {text_a, text_b} in again
        assert label == str(int(one_intent)), (text_a, text_b)
        # A near miss may well mean the same as a question of another group: it is used in its own alone.
        assert one_group or not {text_a, text_b} & near, (text_a, text_b)
    for anchor, positive, negative in read_table(f"triplets_{split}.tsv"):
        assert anchor != positive
        assert group_of[anchor] is group_of[positive] is group_of[negative]
        if {anchor, positive} in again:
            assert negative not in near
        else:
            assert {anchor, positive, negative} & near == {negative}


@pytest.mark.parametrize(("split", "positive", "negative"), [("train", 1314, 1368), ("dev", 306, 312)])
def test_pairs_are_balanced(split: str, positive: int, negative: int) -> None:
    labels = [row[2] for row in read_table(f"pairs_{split}.tsv")]
    assert (labels.count("1"), labels.count("0")) == (positive, negative)


def test_no_sentence_is_in_train_and_dev() -> None:
    texts = {
        split: {cell for row in read_table(f"pairs_{split}.tsv") for cell in row[:2]}
        | {cell for row in read_table(f"triplets_{split}.tsv") for cell in row}
        for split in ("train", "dev")
    }
    assert not texts["train"] & texts["dev"]


def test_digits_are_balanced_and_share_no_image() -> None:
    images = {}
    for split, count in (("train", 1400), ("dev", 400)):
        rows = read_table(f"digits_{split}.csv", delimiter=",")
        assert len(rows) == count and {len(row) for row in rows} == {129}
        assert all(0 <= int(cell) <= 16 for row in rows for cell in row[:-1])
        assert sorted({row[-1] for row in rows}) == ["0", "1"]
        assert sum(int(row[-1]) for row in rows) == count / 2
        images[split] = {tuple(side) for row in rows for side in (row[:64], row[64:128])}
    assert not images["train"] & images["dev"]


def test_text_files_are_what_the_script_makes(script: ModuleType, groups: list) -> None:
    assert script.differing(script.make_texts(groups), DEMO) == []


def test_digits_are_what_the_script_makes(script: ModuleType) -> None:
    pytest.importorskip("sklearn")
    assert script.differing(script.make_digits(), DEMO) == []


def test_vectors_are_what_the_script_makes(script: ModuleType, groups: list) -> None:
    pytest.importorskip("gensim")
    assert script.differing({script.VECTORS: script.make_vectors(groups)}, DEMO) == []


def test_a_changed_file_is_found(script: ModuleType, tmp_path: Path) -> None:
    made = {"pairs_dev.tsv": "a\tb\t1\n", script.VECTORS: "1 2\n我 0.1000 0.2000\n"}
    assert script.differing(made, tmp_path) == list(made)
    (tmp_path / "pairs_dev.tsv").write_bytes(b"a\tb\t1\n")
    (tmp_path / script.VECTORS).write_bytes("1 2\n我 0.1001 0.2000\n".encode())  # rounding is let pass
    assert script.differing(made, tmp_path) == []
    (tmp_path / script.VECTORS).write_bytes("1 2\n我 0.1100 0.2000\n".encode())
    assert script.differing(made, tmp_path) == [script.VECTORS]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("phone\tphone-01\tsame", "line 2: expected 4 columns"),
        ("phone\tphone-01\tother\t问", "line 2: expected the role 'same', 'near' or 'again'."),
        ("phone\tphone-01\tsame\t问\nphone\tphone-01\tagain\t请问", "line 3: expected 'again' right below"),
        ("phone\tphone-01\tsame\t问\nphone\tphone-02\tnear\t问", "line 3: '问' stands on line 2 already"),
    ],
)
def test_a_faulty_question_file_is_refused(
    script: ModuleType, tmp_path: Path, lines: str, message: str
) -> None:
    path = tmp_path / "questions.tsv"
    path.write_bytes(f"domain\tgroup\trole\ttext\n{lines}\n".encode())
    with pytest.raises(ValueError, match=re.escape(message)):
        script.read_groups(path)


def test_provenance_states_the_counts(script: ModuleType, groups: list) -> None:
    stated = (DEMO / "PROVENANCE.md").read_text(encoding="utf-8")
    files = {path.name: path.read_bytes().decode("utf-8") for path in DEMO.glob("*_*.*sv")}
    files[script.VECTORS] = (DEMO / script.VECTORS).read_bytes().decode("utf-8")
    for line in script.describe(groups, files).splitlines():
        assert line in stated
