"""An index with a graph, against one that compares everything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny_models import CHARACTERS, saved_model
from textsim.errors import ArtifactError, MissingDependencyError
from textsim.matching.index import graph as graph_module
from textsim.matching.index import snapshot, writer
from textsim.matching.index.entries import Entry
from textsim.matching.index.folder import compact_folder
from textsim.matching.index.graph import Graph, principal_directions
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher

pytest.importorskip("usearch", reason="a graph needs usearch")


@pytest.fixture(scope="module")
def matcher() -> TextMatcher:
    return TextMatcher(saved_model("bilstm-attention"))


@pytest.fixture(scope="module")
def rows() -> list[Entry]:
    dice = np.random.default_rng(0)
    letters = sorted(set(CHARACTERS))
    texts = {"".join(dice.choice(letters, dice.integers(3, 9))): None for _ in range(800)}
    return [Entry(text, None, {"part": place % 7}) for place, text in enumerate(texts)]


@pytest.fixture
def pair(
    matcher: TextMatcher, rows: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[TextIndex, TextIndex]]:
    """An index with a graph of the first 600 rows and a list of the others, and one without a graph."""
    monkeypatch.setattr(writer, "MOST_LISTED", 200)
    with (
        TextIndex.build(matcher, rows[:600], tmp_path / "index") as index,
        TextIndex.build(matcher, rows) as exact,
    ):
        index.add(rows[600:700])
        index.add(rows[700:])
        assert index.info().search == "graph" and index.info().in_graph == 600
        assert exact.info().search == "exact"
        yield index, exact


def same(index: TextIndex, exact: TextIndex, texts: list[str], **options: object) -> float:
    """The fraction of the exact first ten that an index finds."""
    found, expected = (
        one.search_many(texts, 10, rerank=False, **options)  # type: ignore[arg-type]
        for one in (index, exact)
    )
    for hits, others in zip(found, expected, strict=True):
        scores = {hit.id: hit for hit in others}
        for hit in hits:
            if hit.id in scores:
                assert hit.cosine == pytest.approx(scores[hit.id].cosine, abs=1e-5)
                assert hit.score == pytest.approx(scores[hit.id].score, abs=1e-5)
                assert hit.payload == scores[hit.id].payload
    both = [
        len({hit.id for hit in hits} & {hit.id for hit in others}) / len(others)
        for hits, others in zip(found, expected, strict=True)
        if others
    ]
    return float(np.mean(both))


def test_a_graph_finds_what_comparing_all_does(
    pair: tuple[TextIndex, TextIndex], rows: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    index, exact = pair
    asked = [entry.text[::-1] for entry in rows[::40]]
    assert same(index, exact, asked) > 0.98
    assert index.recall(50) > 0.98
    # Rows that were removed, of the graph and of the list, are found no more.
    gone = [str(number) for number in range(1, 801, 3)]
    assert index.remove(gone) == exact.remove(gone) == len(gone)
    assert index.info().removed == 200
    assert same(index, exact, asked) > 0.98
    for few in (4096, 0):
        monkeypatch.setattr(snapshot, "_FEW_ALLOWED", few)
        assert same(index, exact, asked, filter={"part": 3}) > 0.98
    # A graph that grows takes them out.
    more = [Entry(f"{entry.text}了", f"more {entry.text}") for entry in rows[:300]]
    index.add(more)
    exact.add(more)
    assert index.info().removed == 0 and index.info().in_graph == len(index)
    assert same(index, exact, asked) > 0.98
    index.compact()
    assert index.info().in_graph == len(index) == len(exact)
    assert same(index, exact, asked) > 0.98
    # Of few rows there is none.
    index.remove([hit.id for hits in index.search_many(asked, 1000) for hit in hits])
    index.compact()
    assert index.info().search == "exact"


def test_another_object_takes_a_new_graph_over(
    pair: tuple[TextIndex, TextIndex], matcher: TextMatcher, rows: list[Entry]
) -> None:
    index, exact = pair
    assert index.path is not None
    with TextIndex.open(index.path, matcher) as other:
        for _ in range(3):
            index.compact()
            queries = [rows[5].text, rows[750].text]
            # Both read the same file. It differs from one compaction to the next, and so may what it misses.
            assert same(other, index, queries) == 1
            assert same(other, exact, queries) >= 0.9


def test_a_graph_that_is_damaged_is_made_anew(
    pair: tuple[TextIndex, TextIndex], matcher: TextMatcher, rows: list[Entry]
) -> None:
    index, _ = pair
    assert index.path is not None
    index.close()
    (graph,) = index.path.glob("*.usearch")
    for content in (None, graph.read_bytes()[:-7]):
        graph.unlink() if content is None else graph.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"missing|was cut short or altered"):
            TextIndex.open(index.path, matcher)
    compact_folder(index.path)
    with TextIndex.open(index.path, matcher) as repaired:
        assert len(repaired) == 800 and repaired.search(rows[5].text, 1)[0].text == rows[5].text


def test_without_usearch_many_rows_stay_in_memory(
    matcher: TextMatcher, rows: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "usearch.index", None)
    monkeypatch.setattr(writer, "MOST_LISTED", 200)
    with pytest.raises(MissingDependencyError, match=r"pip install 'textsim\[index\]'"):
        TextIndex.build(matcher, rows, tmp_path / "index")
    assert not (tmp_path / "index").exists()
    assert len(TextIndex.build(matcher, rows)) == 800
    TextIndex.build(matcher, rows[:200], tmp_path / "index").close()


def test_vectors_are_projected_to_the_directions_in_which_they_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph_module, "WIDTH", 3)
    dice = np.random.default_rng(0)
    hidden = dice.standard_normal((400, 3)).astype(np.float32) @ dice.standard_normal((3, 8)).astype(
        np.float32
    )
    directions = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
    projection = principal_directions(directions)
    assert projection.shape == (8, 3)
    np.testing.assert_allclose(projection.T @ projection, np.eye(3), atol=1e-5)
    short = directions @ projection
    np.testing.assert_allclose(short @ short.T, directions @ directions.T, atol=1e-4)
    graph = Graph(projection)
    graph.add(np.arange(400), directions, threads=1)
    (found,) = graph.nearest(directions[7:8], 5)
    assert found[0] == 7 and len(graph) == 400


def test_compacting_leaves_no_file_of_a_graph_that_is_not_used(
    matcher: TextMatcher, rows: list[Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_LISTED", 200)
    with TextIndex.build(matcher, rows[:300], tmp_path / "index") as index:
        index.add(rows[300:600])
        index.compact()
        files = [name for name in writer.GRAPHS if (tmp_path / "index" / name).exists()]
        assert len(files) == 1 and index.info().search == "graph"
        index.remove([str(number) for number in range(1, 500)])
        index.compact()
        assert index.info().search == "exact" and len(index) == 101
    assert not [name for name in writer.GRAPHS if (tmp_path / "index" / name).exists()]


@pytest.mark.parametrize("distinct", [1, 3])
def test_a_graph_of_like_vectors_may_find_fewer_than_were_asked_for(distinct: int) -> None:
    """Near vectors link to each other alone, so that a search does not get from one crowd to the next."""
    dice = np.random.default_rng(0)
    directions = dice.standard_normal((distinct, 16)).astype(np.float32)[dice.integers(0, distinct, 1500)]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    graph = Graph(principal_directions(directions))
    graph.add(np.arange(1500), directions, threads=1)
    together = graph.nearest(directions[-2:], 1500)
    assert max(map(len, together)) < 1500
    for place, keys in enumerate(together, 1498):
        (alone,) = graph.nearest(directions[place : place + 1], 1500)
        assert alone.tolist() == keys.tolist()


def test_one_text_is_searched_among_many_that_are_alike(
    matcher: TextMatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_LISTED", 200)
    monkeypatch.setattr(snapshot, "_FEW_ALLOWED", 0)
    alike = [Entry(f"花{chr(0x1F600 + place)}", None, {"part": place % 7}) for place in range(1500)]
    with TextIndex.build(matcher, alike, tmp_path / "index") as index:
        assert index.info().search == "graph"
        for text in ("花😀", "今天"):
            assert index.search(text, 60, filter={"part": 3})


def test_rows_that_are_removed_while_they_are_searched_for(
    pair: tuple[TextIndex, TextIndex], matcher: TextMatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, _ = pair
    assert index.path is not None
    taken = snapshot.Snapshot.vectors

    def late(self: snapshot.Snapshot, *args: Any) -> Any:
        # Between the moment when they were found and that when their vectors are read.
        with TextIndex.open(index.path, matcher) as other:  # type: ignore[arg-type]
            other.remove([str(number) for number in range(1, 801)])
        return taken(self, *args)

    monkeypatch.setattr(snapshot.Snapshot, "vectors", late)
    # Those that are listed are in memory, as the search began with them.
    hits = index.search("花呗怎么还款", 3)
    assert hits and all(int(hit.id) > 600 for hit in hits)


def test_what_loads_the_library_of_graphs_can_load_a_model_after_it() -> None:
    code = "import numpy, textsim.matching.index.graph as g; g.Graph(numpy.eye(4, dtype='f')); import onnxruntime"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_directions_are_those_in_which_vectors_differ_most() -> None:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    sample = (rng.normal(size=(500, 40)) * np.linspace(5, 0.1, 40)) @ basis.T
    sample = (sample / np.linalg.norm(sample, axis=1, keepdims=True)).astype(np.float32)
    found = principal_directions(sample, 8)
    assert found.shape == (40, 8)
    np.testing.assert_allclose(found.T @ found, np.eye(8), atol=1e-5)
    # What is kept is what the largest singular values keep.
    kept = ((sample @ found) ** 2).sum()
    np.testing.assert_allclose(kept, (np.linalg.svd(sample)[1][:8] ** 2).sum(), rtol=1e-4)
