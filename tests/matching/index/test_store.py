"""The database of an index while others close it, replace it, or may only read it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import textsim
from tests.tiny_models import saved_model
from textsim.artifacts.saved_model import save_model
from textsim.errors import ArtifactError
from textsim.matching.index import text_index, writer
from textsim.matching.index.entries import Entry
from textsim.matching.index.store import DATABASE, ReplacedError, Store
from textsim.matching.index.text_index import TextIndex
from textsim.matching.text_matcher import TextMatcher

TEXTS = ["花呗怎么还", "怎样还花呗", "今天天气"]


@pytest.fixture(scope="module")
def matcher() -> TextMatcher:
    return TextMatcher(saved_model("bilstm-attention"))


@pytest.fixture
def path(tmp_path: Path, matcher: TextMatcher) -> Path:
    TextIndex.build(matcher, TEXTS, tmp_path / "index").close()
    return tmp_path / "index"


@pytest.mark.parametrize("in_folder", [True, False])
def test_what_is_closed_says_so(matcher: TextMatcher, path: Path, in_folder: bool) -> None:
    index = TextIndex.open(path, matcher) if in_folder else TextIndex.build(matcher, TEXTS)
    index.close()
    index.close()
    for call in (lambda: index.search("你好"), lambda: index.add(["你好"]), index.info):
        with pytest.raises(ArtifactError, match="the index is closed"):
            call()


def test_those_that_wait_when_it_is_closed_are_told(path: Path) -> None:
    store = Store(path)
    outcomes: list[BaseException] = []

    def read() -> None:
        try:
            with store.read():
                pass
        except ArtifactError as error:
            outcomes.append(error)

    with store.read():
        others = [store._idle.get() for _ in range(store._idle.qsize())]
        thread = threading.Thread(target=read)
        thread.start()
        store.close()
        for connection in others:
            store._idle.put(connection)
    thread.join(10)
    assert not thread.is_alive() and len(outcomes) == 1


@pytest.mark.parametrize("compacts", [False, True])
def test_who_waits_for_another_process_is_told_when_it_is_closed(path: Path, compacts: bool) -> None:
    store, other = Store(path), Store(path)
    outcomes: list[BaseException] = []

    def write() -> None:
        try:
            if compacts:
                store.shrink()
            else:
                with store.write():
                    pass
        except ArtifactError as error:
            outcomes.append(error)

    thread = threading.Thread(target=write)
    with other.write():
        thread.start()
        time.sleep(0.2)
        store.close()
        thread.join(10)
        assert not thread.is_alive() and "the index is closed" in str(outcomes[0])
    other.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl+C to a process")
def test_ctrl_c_ends_what_waits_for_another_process(path: Path) -> None:
    code = (
        "import sys, pathlib; from textsim.matching.index.store import Store\n"
        "store = Store(pathlib.Path(sys.argv[1])); print('open', flush=True)\n"
        "with store.write(): pass"
    )
    other = Store(path)
    with (
        other.write(),
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process,
    ):
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"open\n"
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            assert b"KeyboardInterrupt" in process.communicate(timeout=10)[1]
        finally:
            process.kill()
    other.close()


def test_a_search_that_is_under_way_ends_with_the_index_that_it_began_with(
    matcher: TextMatcher, path: Path
) -> None:
    index = TextIndex.open(path, matcher)
    store = index._opened.store
    with store.read() as reading:
        TextIndex.build(matcher, ["你好"], path, overwrite=True).close()
        assert [hit.text for hit in index.search("你好")] == ["你好"]
        assert reading.get("texts") == 3
    with store.read() as reading:
        assert reading.get("texts") == 3
    assert len(index) == 1


def test_nothing_is_acknowledged_that_goes_into_an_index_which_was_replaced(
    matcher: TextMatcher, path: Path
) -> None:
    index = TextIndex.open(path, matcher)

    def rows() -> object:
        yield Entry("花呗", "new")
        TextIndex.build(matcher, ["你好"], path, overwrite=True).close()

    with pytest.raises(ReplacedError, match="built anew while this was written, so nothing was kept"):
        index.add(rows())
    # And it is not the last word: the new one is there.
    index.add([Entry("花呗", "new")])
    assert len(index) == 2 and len(TextIndex.open(path, matcher)) == 2


def test_the_graph_of_an_index_is_not_written_over_by_the_one_that_it_replaced(
    matcher: TextMatcher, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("usearch", reason="a graph needs usearch")
    monkeypatch.setattr(writer, "MOST_LISTED", 8)
    index = TextIndex.open(path, matcher)

    def rows() -> object:
        yield from (Entry("花呗", f"old-{number}") for number in range(20))
        TextIndex.build(matcher, [Entry("你好", str(n)) for n in range(12)], path, overwrite=True).close()
        # From here on this object searches the new one.
        assert len(index) == 12

    graph = path / writer.GRAPHS[0]
    with pytest.raises(ReplacedError):
        index.add(rows())
    with TextIndex.open(path, matcher) as new:
        assert graph.exists() and new.info().in_graph == 12
        assert {hit.id for hit in new.search("你好", 20)} == {str(number) for number in range(12)}


def test_what_waits_for_its_turn_is_written_into_the_new_index(
    matcher: TextMatcher, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = TextIndex.open(path, matcher)
    waited = index._current()
    TextIndex.build(matcher, ["你好"], path, overwrite=True).close()
    current = TextIndex._current
    # The first look is that of before the exchange.
    looks = [waited]
    monkeypatch.setattr(
        text_index.TextIndex, "_current", lambda self: looks.pop() if looks else current(self)
    )
    index.add(["花呗"])
    assert len(TextIndex.open(path, matcher)) == 2


def test_a_replaced_folder_is_not_taken_for_what_was_open_before(matcher: TextMatcher, path: Path) -> None:
    # Of more changes than the new one has had.
    index = TextIndex.open(path, matcher)
    for _ in range(3):
        index.add(["花呗"])
    TextIndex.build(matcher, ["你好"], path, overwrite=True).close()
    index.add(["还款"])
    assert sorted(hit.text for hit in index.search("你好")) == ["你好", "还款"]


def test_rows_may_come_from_a_search_of_the_same_index(matcher: TextMatcher) -> None:
    index = TextIndex.build(matcher, TEXTS)
    index.add(text for text in ["你好", "花呗"] if index.search(text))
    assert len(index) == 5


def test_who_may_not_write_can_read(tmp_path: Path, matcher: TextMatcher) -> None:
    save_model(saved_model("bilstm-attention"), tmp_path / "model")
    TextIndex.build(TextMatcher.load(tmp_path / "model"), TEXTS, tmp_path / "index").close()
    script = (
        "import os, sys\n"
        "from textsim import TextIndex, TextMatcher\n"
        "matcher = TextMatcher.load(sys.argv[2])\n"
        "TextIndex.build(matcher, ['花呗']).search('花呗')\n"
        # Python itself may be its owner's alone: by now it is loaded.
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "index = TextIndex.open(sys.argv[1], matcher)\n"
        "print(len(index), index.search('花呗怎么还')[0].id)\n"
        "try: index.add(['你好'])\n"
        "except Exception as error: print(type(error).__name__)\n"
    )
    # The folder of the test is its owner's alone.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o555)
    for file in (tmp_path / "index").iterdir():
        file.chmod(0o444)
    (tmp_path / "index").chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "index"), str(tmp_path / "model")],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(Path(textsim.__file__).parents[1])},
        check=False,
    )
    (tmp_path / "index").chmod(0o755)
    assert done.stdout.split() == ["3", "1", "ArtifactError"], done.stderr


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM state WHERE name = 'change'",
        "UPDATE vectors SET vector = x'0011' WHERE key = 2",
    ],
)
def test_a_damaged_database_is_one_error(matcher: TextMatcher, path: Path, damage: str) -> None:
    import sqlite3

    connection = sqlite3.connect(path / DATABASE)
    with connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(ArtifactError, match="damaged"):
        TextIndex.open(path, matcher)
