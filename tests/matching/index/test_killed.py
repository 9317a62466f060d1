"""An index whose writer is killed keeps all that was acknowledged, and nothing by halves."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tiny_models import saved_model
from textsim.artifacts.saved_model import save_model
from textsim.matching.index import writer
from textsim.matching.index.entries import Entry
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher

KILLS = int(os.environ.get("TEXTSIM_KILLS", "4"))

# Adds pairs of rows, removes some and compacts, and says what has ended. A graph covers all but the last few rows.
WRITER = """
import sys
from textsim.matching.index import writer
from textsim.matching.index.entries import Entry
from textsim.matching.index.text_index import TextIndex
writer.MOST_LISTED = 8
index = TextIndex.open(sys.argv[1])
print("open", flush=True)
for number in range(int(sys.argv[2]), 10**6):
    index.add([Entry("今天天气", f"{number}"), Entry("你好吗", f"{number}")])
    print("added", number, flush=True)
    if number % 3 == 2:
        index.remove([str(number - 1)])
        print("removed", number - 1, flush=True)
    if number % 5 == 4:
        index.compact()
"""


@pytest.fixture
def few_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_LISTED", 8)


def test_what_was_acknowledged_is_there(tmp_path: Path, few_listed: None) -> None:
    pytest.importorskip("usearch", reason="a graph needs usearch")
    save_model(saved_model("bilstm-attention"), tmp_path / "model")
    matcher = TextMatcher.load(tmp_path / "model")
    path, dice = tmp_path / "index", random.Random(0)
    TextIndex.build(matcher, [Entry("花呗怎么还", "first")], path).close()
    added: set[int] = set()
    removed: set[int] = set()
    # What was under way when a process ended: done or not.
    unsaid: set[int] = set()
    for _ in range(KILLS):
        start = max(added, default=0) + 2
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(start)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == "open\n"
            time.sleep(dice.uniform(0.02, 0.5))
            process.kill()
            said = [line.split() for line in process.stdout.read().splitlines()]
        added |= {int(number) for what, number in said if what == "added"}
        removed |= {int(number) for what, number in said if what == "removed"}
        last = max(added, default=start - 1)
        unsaid |= {max(last + 1, start), last - 1}
        with TextIndex.open(path) as index:
            with index._opened.store.read() as reading:
                rows = reading.rows(reading.keys_after(0).tolist()).values()
                vectors = [key for block in reading.vectors_after(0) for key in block.keys.tolist()]
            texts = {row.id: {other.text for other in rows if other.id == row.id} for row in rows}
            numbers = {int(id) for id in texts if id != "first"}
            assert added - removed - unsaid <= numbers <= (added - removed) | unsaid
            # Whatever the graph has of rows that are gone.
            assert {hit.id for hit in index.search("今天天气", 20)} <= texts.keys()
            assert all(both == {"今天天气", "你好吗"} for id, both in texts.items() if id != "first")
            assert sorted(row.key for row in rows) == vectors and len(index) == len(rows)
    assert added and removed
    with TextIndex.open(path) as index:
        # However few were added before the kills.
        index.add([Entry("今天天气", f"more-{number}") for number in range(9)])
        index.compact()
        assert index.info().removed == 0 and index.info().search == "graph"
    names = {name.name for name in path.iterdir()}
    assert len(names & set(writer.GRAPHS)) <= 2 and not [name for name in names if "partial" in name]


@pytest.mark.parametrize("change", ["add", "compact"])
def test_a_graph_that_was_written_in_vain_changes_nothing(
    tmp_path: Path, few_listed: None, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    pytest.importorskip("usearch", reason="a graph needs usearch")
    matcher = TextMatcher(saved_model("bilstm-attention"))
    texts = ["今天天气" + "一二三"[k % 3] * (k // 3) for k in range(12)]
    with TextIndex.build(matcher, texts, tmp_path / "index") as index:
        assert index.info().search == "graph"
        before = index.search(texts[5], 3)
        graphs = writer.Graph.save

        def save_and_fail(graph: writer.Graph, path: Path) -> None:
            graphs(graph, path)
            raise KeyboardInterrupt

        monkeypatch.setattr(writer.Graph, "save", save_and_fail)
        with pytest.raises(KeyboardInterrupt):
            index.compact() if change == "compact" else index.add([f"花呗{'一' * k}" for k in range(9)])
        with TextIndex.open(tmp_path / "index", matcher) as other:
            assert len(index) == len(other) == 12
            assert index.search(texts[5], 3) == other.search(texts[5], 3) == before
        monkeypatch.undo()
        index.add(["花呗"])
        assert index.search("花呗", 1)[0].id == "13"
