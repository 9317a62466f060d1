"""A shop's questions, from the table that a spreadsheet saved to a bot that answers, or says that it does not know."""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.command_line import ok
from tests.docs.blocks import ROOT
from tests.serving.conftest import Server

Serve = Callable[..., Server]

PHRASINGS = ("{}", "请问{}", "{}，谢谢")
"""What a customer says, and how else."""
ADDED = "门店几点开门", "门店早上九点开门。"
UNRELATED = """今天天气怎么样
红烧肉怎么做
推荐一部好看的电影
世界杯冠军是哪个队
猫为什么喜欢睡觉
周杰伦最新的专辑叫什么
这道数学题怎么解
故宫是哪个朝代建的
怎么学好英语
光速是多少
李白写过哪些诗
水的沸点是多少度
如何用Python读取文件
怎么养多肉植物
长江有多长
给我讲个笑话
什么是量子力学
孩子发烧怎么退烧
今年高考是哪一天
钢琴入门该弹什么曲子""".splitlines()


@pytest.fixture(scope="module")
def table(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thousands of questions with ids, answers and a category, in GB18030 as a Chinese spreadsheet saves them."""
    path = tmp_path_factory.mktemp("shop") / "常见问题.csv"
    with (demo / "questions.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["编号", "问题", "答案", "分类"])
        for number, row in enumerate(rows, 1):
            for phrasing in PHRASINGS:
                answer = f"第{number}条：“{row['domain']}”的答案，见说明。"
                writer.writerow([f"Q{number}", phrasing.format(row["text"]), answer, row["domain"]])
    return path


@pytest.fixture(scope="module")
def built(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "faq"
    ok("index", "build", "zh-general", table, "--out", folder, "--quiet")
    return folder


@pytest.fixture
def faq(built: Path, tmp_path: Path) -> Iterator[Path]:
    """The index of the table, which a test may change."""
    shutil.copytree(built, tmp_path / "faq")
    yield tmp_path / "faq"


def search(url: str, *texts: str) -> list[dict[str, Any]]:
    """The first hit of each text."""
    answer = httpx.post(f"{url}/v1/search", json={"texts": texts, "k": 1}, timeout=30)
    assert answer.status_code == 200, answer.text
    return [hits[0] for hits in answer.json()["results"]]


def test_a_shops_table_is_served_and_kept(table: Path, faq: Path, serve: Serve) -> None:
    url = serve("--index", str(faq), served="zh-general").url
    rows = list(csv.DictReader(table.open(encoding="gb18030", newline="")))
    assert httpx.get(f"{url}/readyz").json()["documents"] == len(rows) > 3000

    asked = rows[:: len(rows) // 50]
    hits = search(url, *(row["问题"] for row in asked))
    assert [(hit["id"], hit["payload"]["答案"], hit["decision"]) for hit in hits] == [
        (row["编号"], row["答案"], "match") for row in asked
    ]
    question, answer = ADDED
    assert search(url, question)[0]["id"] != "new"
    stored = {"text": question, "payload": {"答案": answer}}
    assert httpx.put(f"{url}/v1/documents/new", json=stored, timeout=30).status_code == 200
    (hit,) = search(url, "请问门店几点开门")
    assert (hit["id"], hit["payload"], hit["decision"]) == ("new", {"答案": answer}, "match")


def test_what_is_not_in_a_shops_table_is_no_match(faq: Path, serve: Serve) -> None:
    url = serve("--index", str(faq), served="zh-general").url
    found = search(url, ADDED[0], *UNRELATED)
    assert [hit["text"] for hit in found if hit["decision"] != "no match"] == []


def test_the_nightly_table_takes_the_place_of_the_old_one_under_load(
    table: Path, faq: Path, serve: Serve, tmp_path: Path
) -> None:
    url = serve("--index", str(faq), served="zh-general").url
    known = next(csv.DictReader(table.open(encoding="gb18030", newline="")))
    problems: list[str] = []
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            while not done.is_set():
                answer = client.post("/v1/search", json={"texts": [known["问题"]], "k": 1})
                if answer.status_code != 200 or answer.json()["results"][0][0]["id"] != known["编号"]:
                    problems.append(answer.text)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    # The first hundreds are enough: what takes time here is the model, not the exchange.
    lines = table.read_text(encoding="gb18030").splitlines()[:301]
    (tmp_path / "tonight.csv").write_text(
        "\n".join([*lines, ",".join(["N1", *ADDED, "门店"]), ""]), encoding="gb18030"
    )
    ok("index", "build", "zh-general", tmp_path / "tonight.csv", "--out", faq, "--overwrite", "--quiet")
    reloaded = httpx.post(f"{url}/v1/index/reload", timeout=30)
    done.set()
    for thread in threads:
        thread.join()
    assert reloaded.status_code == 200 and not problems
    assert search(url, ADDED[0])[0]["id"] == "N1"


def test_the_bot_answers_or_hands_over(faq: Path, serve: Serve, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("geheim\n", encoding="utf-8")
    added = tmp_path / "added.csv"
    added.write_text("id,text,answer\nnew,{},{}\n".format(*ADDED), encoding="utf-8")
    ok("index", "add", faq, added, "--quiet")
    server = serve("--index", str(faq), "--api-key-file", str(keys), served="zh-general")
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "faq_bot.py"],
        env={**os.environ, "TEXTSIM_URL": server.url, "TEXTSIM_KEY": "geheim", "PYTHONUTF8": "1"},
        input=f"请问{ADDED[0]}\n\n{UNRELATED[0]}\n",
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.stdout.splitlines() == [ADDED[1], "这个问题我不知道，正在转人工。"], done.stderr


def test_the_bot_says_where_it_found_no_service() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "faq_bot.py", "密码忘了"],
        env={**os.environ, "TEXTSIM_URL": "http://127.0.0.1:9"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("http://127.0.0.1:9: ") and line.endswith("Does `textsim serve` run there?")


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs sh")
def test_the_image_is_healthy_where_the_service_answers(serve: Serve) -> None:
    def health(url: str) -> int:
        script = ROOT / "examples" / "service" / "health.sh"
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", script], env={"PATH": path, "TEXTSIM_URL": url}, capture_output=True
        ).returncode

    server = serve()
    assert health(server.url) == 0
    server.process.terminate()
    server.process.wait(30)
    assert health(server.url) == 1


def test_what_systemd_starts_starts(index: Path, model: Path, serve: Serve, tmp_path: Path) -> None:
    unit = ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "examples" / "service" / "textsim.service", encoding="utf-8")
    keys = tmp_path / "keys.txt"
    keys.write_text("geheim\n", encoding="utf-8")
    places = {
        "model": str(model),
        "faq": str(index),
        "${CREDENTIALS_DIRECTORY}/keys": str(keys),
    }
    command, serves, name, *options = shlex.split(unit["Service"]["ExecStart"])
    assert (Path(command).name, serves) == ("textsim", "serve")
    place = options.index("--port")
    del options[place : place + 2]
    server = serve(*(places.get(option, option) for option in options), served=places[name])
    url = f"{server.url}/v1/search"
    assert httpx.post(url, json={"texts": ["花呗"]}).status_code == 401
    found = httpx.post(url, json={"texts": ["花呗怎么还款"]}, headers={"Authorization": "Bearer geheim"})
    assert found.json()["results"][0][0]["id"] == "1"
