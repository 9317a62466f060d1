"""The speed benchmarks run, and their baselines compute the same numbers; how fast is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.tiny_models import saved_model
from textsim.artifacts.calibration import Calibration, SearchCurve
from textsim.artifacts.saved_model import load_model, save_model
from textsim.data.layout import Split
from textsim.io.manifest import write_json

SCRIPTS = Path(__file__).parents[1] / "scripts" / "benchmarks"
KEYS = ["name", "value", "unit", "against", "ratio", "target"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of the real data, with random sentences of 3 to 9 characters."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in ("bq", "lcqmc"):
        path = folder / "pairs" / name / "train.tsv"
        path.parent.mkdir(parents=True)
        rows = ["text_a\ttext_b\tlabel"]
        for row in range(60):
            a, b = ("".join(map(chr, rng.integers(0x4E00, 0x4E40, rng.integers(3, 10)))) for _ in range(2))
            rows.append(f"{a}\t{b}\t{row % 2}")
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def work(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        import workload

        yield workload.Work.prepare("bq", data, tmp_path_factory.mktemp("work"))


@pytest.fixture
def ours(work: Any) -> Any:
    import workload

    recipe = workload.RECIPE.replace(["encoder.units=[6,4]"])
    return workload.Ours(work.table, recipe)


def test_stock_keras_computes_the_same_numbers(work: Any, ours: Any) -> None:
    import speed
    from stock_keras import StockKeras

    batch = work.batches(1, batch_size=8)[0]
    for width in (None, work.longest):
        stock = StockKeras(work.table, [6, 4], 0.5, width=width)
        stock.set_weights(ours.weights)
        speed.require_same_numbers(ours, stock, batch)
    stock.model.set_weights([weight + 0.1 for weight in stock.model.get_weights()])
    with pytest.raises(AssertionError):
        speed.require_same_numbers(ours, stock, batch)


@pytest.mark.parametrize("packed", [True, False])
def test_torch_computes_the_same_numbers(work: Any, ours: Any, packed: bool) -> None:
    pytest.importorskip("torch", reason="the PyTorch baseline needs torch")
    import speed
    from stock_torch import StockTorch

    batches = work.batches(1, batch_size=8)
    stock = StockTorch(work.table, [6, 4], 0.5, packed=packed)
    stock.set_weights(ours.weights)
    batch = speed.Bench.checked_batch("torch, packed" if packed else "torch, padded", batches)
    speed.require_same_numbers(ours, stock, batch)


def test_the_arithmetic_of_one_layer(work: Any) -> None:
    import workload

    batch = {"token_ids": np.array([[2, 3, 2], [3, 0, 0]]), "lengths": np.array([3, 1])}
    # Two distinct tokens and two steps that follow another, two directions, four gates of 5 units.
    inputs, recurrent = 2 * 7 * 20, 2 * 5 * 20
    assert workload.training_flop(batch, 7, [5]) == 2 * 2 * (2 * inputs + 3 * recurrent)


def test_a_quick_run_prints_json(data: Path, work: Any, capsys: pytest.CaptureFixture[str]) -> None:
    import speed

    speed.main(["one-pair", "arithmetic", "--quick", "--json", "--data", str(data)])
    figures = json.loads(capsys.readouterr().out)
    names = ["machine", "one-pair", "one-pair-limit", "arithmetic/bq", "arithmetic/lcqmc"]
    assert [figure["name"] for figure in figures] == names
    assert all(list(figure) == KEYS for figure in figures)
    assert all(figure["value"] > 0 for figure in figures)


def test_the_table() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import speed; "
        "print(speed.table([speed.Figure.higher('a', 5000.0, 'pairs/s', 50.0, 60), speed.Figure('b', 1.5, 'ms')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SCRIPTS)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[2:] == [
        "| a | 5,000 | 50 | pairs/s | 100x | 60x |",
        "| b | 1.5 | - | ms | - | - |",
    ]


def test_help_and_missing_data(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        script = str(SCRIPTS / "speed.py")
        return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True)

    shown = run("--help")
    assert shown.returncode == 0 and "training-stock" in shown.stdout
    missing = run("--data", str(tmp_path))
    assert missing.returncode == 2 and "pass --data or set TEXTSIM_DATA" in missing.stderr
    unknown = run("trainning", "--data", str(tmp_path))
    assert unknown.returncode == 2 and "Expected one of: training-published" in unknown.stderr


def test_the_growth_plot_and_its_table(work: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import growth

    for name, values in (("QUICK_PAIRS", (256, 512)), ("QUICK_LENGTHS", (4,)), ("QUICK_WIDTHS", (8,))):
        monkeypatch.setattr(growth, name, values)
    lines = growth.plot(work, tmp_path / "growth.png", quick=True).splitlines()
    assert [line.split("|")[1:3] for line in lines[2:]] == [
        [" pairs ", " 256 "],
        [" pairs ", " 512 "],
        [" tokens a sentence ", " 4 "],
        [" hidden units of the first layer ", " 8 "],
    ]
    takes = [[float(cell) for cell in line.split("|")[3:5]] for line in lines[2:]]
    assert all(measured > least > 0 for measured, least in takes)
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_dev_rows_by_what_training_rows_tell(work: Any) -> None:
    import seen

    def split(*rows: tuple[int, int, float]) -> Split:
        left, right, labels = (np.array([row[k] for row in rows]) for k in range(3))
        return Split((left, right), labels)

    train = split((0, 1, 1), (1, 2, 1), (2, 3, 0), (5, 6, 1))
    dev = split((1, 0, 1), (0, 2, 1), (3, 1, 0), (5, 0, 0), (0, 9, 1))
    parts = seen.groups(SimpleNamespace(splits={"train": train, "dev": dev}))  # type: ignore[arg-type]
    assert {name: np.flatnonzero(part).tolist() for name, part in parts.items()} == {
        "all": [0, 1, 2, 3, 4],
        "stands in training": [0],
        "label follows from training": [1, 2],
        "else, both sentences seen": [3],
        "a sentence is new": [4],
    }


def test_every_accuracy_run_has_a_dataset_and_a_recipe_that_fits(work: Any) -> None:
    import accuracy

    from textsim.modeling.siamese import check_recipe

    for experiment in accuracy.EXPERIMENTS.values():
        assert experiment.dataset in {**accuracy.DATASETS, **accuracy.MINED}
        assert (experiment.dataset in accuracy.MINED) == bool(experiment.teachers)
        check_recipe(accuracy.recipe_of(experiment, 0))
        for needed in (*experiment.teachers, *accuracy.members_of(experiment, 1)):
            name, seed = needed.rsplit("-", 1)
            assert name in accuracy.EXPERIMENTS and int(seed) >= 0


def test_the_accuracy_table_leaves_out_runs_of_other_settings(work: Any, tmp_path: Path) -> None:
    import accuracy

    name = "bq-attention"
    for seed, auc in ((0, 0.5), (1, 0.75), (2, 0.875)):
        result, model = (
            accuracy.result_file(name, seed, tmp_path),
            tmp_path / "models" / f"{name}-{seed}",
        )
        for folder in (result.parent, model):
            folder.mkdir(parents=True, exist_ok=True)
        origin = accuracy.made_with(accuracy.EXPERIMENTS[name], seed, tmp_path)
        if seed == 2:
            origin["settings"]["training"]["learning_rate"] = 0.5
        figures = {
            "seed": seed,
            "recipe": "bilstm-attention",
            "epochs": 1,
            "accuracy": 0.5,
            "auc": auc,
            **origin,
        }
        result.write_text(json.dumps(figures), encoding="utf-8")
    (row,) = accuracy.table(tmp_path, [name, "bq-token-dropout"]).splitlines()[2:]
    assert row.startswith(
        "| bq-attention | bilstm-attention | 2 | 1, 1 | 0.5000 ± 0.0000 | - | 0.6250 ± 0.1768"
    )


def test_an_ensemble_is_made_anew_when_a_member_changes(
    work: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import accuracy

    experiments = {
        "tiny": accuracy.Experiment("lcqmc", "word-vectors"),
        "tiny-ensemble": accuracy.Experiment("lcqmc", "word-vectors", members="tiny"),
    }
    monkeypatch.setattr(accuracy, "EXPERIMENTS", experiments)
    lines = (data / "pairs" / "lcqmc" / "train.tsv").read_text(encoding="utf-8")
    (data / "pairs" / "lcqmc" / "dev.tsv").write_text(lines, encoding="utf-8")

    def member(seed: int, weights: int) -> None:
        folder = tmp_path / "models" / f"tiny-{seed}"
        save_model(saved_model("word-vectors", weights), folder, overwrite=True)
        result = accuracy.result_file("tiny", seed, tmp_path)
        result.parent.mkdir(parents=True, exist_ok=True)
        write_json(result, accuracy.made_with(experiments["tiny"], seed, tmp_path))

    for seed in range(3):
        member(seed, seed)
    first = accuracy.run("tiny-ensemble", 0, data, tmp_path)
    assert load_model(tmp_path / "models" / "tiny-ensemble-0").members == 3
    assert accuracy.run("tiny-ensemble", 0, data, tmp_path) == first
    (row,) = accuracy.table(tmp_path, ["tiny-ensemble"]).splitlines()[2:]
    assert f"| {first['accuracy']:.4f} | {first['accuracy_at_threshold']:.4f} |" in row
    member(1, 7)
    assert accuracy.all_finished("tiny-ensemble", tmp_path) == []
    again = accuracy.run("tiny-ensemble", 0, data, tmp_path)
    assert [entry["name"] for entry in again["members"]] == ["tiny-0", "tiny-1", "tiny-2"]
    assert again["members"][1] != first["members"][1] and again["members"][0] == first["members"][0]


def test_the_ranking_table_and_its_baselines(work: Any) -> None:
    import ranking

    left, right = ["花呗怎么还款", "今天天气"], ["花呗怎么还欠", "猫"]
    np.testing.assert_allclose(ranking.edit_similarity([], left, right), [5 / 6, 0])
    same, apart = ranking.tfidf_cosine(left + right, left, [left[0], "猫"])
    assert same == pytest.approx(1) and apart == 0
    table = ranking.table({"bq": {"edit distance": [0.5]}, "stsb": {"edit distance": [0.4, 0.6]}})
    assert table.splitlines()[-1] == "| edit distance | 50.0 | 50.0 ± 14.1 |"


def test_errors_by_property(work: Any) -> None:
    import errors

    assert [errors.negates(text) for text in ("能不能提前还款", "不能提前还款", "特别好")] == [
        False,
        True,
        False,
    ]

    pairs = [("买3个", "买5个"), ("我能退", "我不能退"), ("今天热", "热今天")]
    table = errors.table(pairs, np.array([False, False, True]), np.array([True, False, False]))
    rows = {cells[1].strip(): cells[2:6] for cells in (line.split("|") for line in table.splitlines()[2:])}
    assert [cell.strip() for cell in rows["all"]] == ["1.000", "0.3333", "1.000", "0.500"]
    assert [cell.strip() for cell in rows["number differs"]] == ["0.333", "0.0000", "-", "1.000"]
    assert rows["negation on one side"][1].strip() == "1.0000"
    assert rows["same characters, other order"][2].strip() == "1.000"


def test_finding_a_match_among_all_texts(
    work: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import finding

    path = tmp_path / "pairs.tsv"
    path.write_text(
        "text_a\ttext_b\tlabel\n怎样还花呗\t花呗怎样还\t1\n你好\t你好吗\t1\n你好\t今天\t0\n今天\t今天\t1\n",
        "utf-8",
    )
    texts, matches = finding.read(path)
    assert texts == ["怎样还花呗", "花呗怎样还", "你好", "你好吗", "今天"]
    assert matches == {0: {1}, 1: {0}, 2: {3}, 3: {2}}
    # The text itself does not count.
    assert finding.found([[0, 1, 2], [0, 1], [2, 0, 3], [3, 4]], [0, 1, 2, 3], matches) == "0.500 | 0.750"
    assert [row[:2] for row in finding.by_tfidf(texts, [0, 2])] == [[0, 1], [2, 3]]
    save_model(saved_model("bilstm-attention"), tmp_path / "model")
    monkeypatch.setattr(sys, "argv", ["finding.py", str(tmp_path / "model"), str(path)])
    finding.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[1:4] for row in rows] == [
        ["5", "4", by]
        for by in ("TF-IDF cosine", "shared characters", "cosine", "score", "as `search` ranks")
    ]


def test_which_first_hits_are_taken_for_the_answer(
    work: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import deciding

    one, two = tmp_path / "one.tsv", tmp_path / "two.tsv"
    rows = ["花呗怎么还\t花呗怎么还款\t1", "怎样还花呗\t花呗怎么还款\t1", "你好\t你好吗\t1", "天气\t不好\t0"]
    one.write_text("text_a\ttext_b\tlabel\n" + "\n".join(rows) + "\n", "utf-8")
    two.write_text("text_a\ttext_b\tlabel\n好\t好的\t1\n天气\t天气好\t1\n", "utf-8")
    assert deciding.groups(one) == [
        ["花呗怎么还", "花呗怎么还款", "怎样还花呗"],
        ["你好", "你好吗"],
        ["天气"],
        ["不好"],
    ]
    # All is a match by the threshold, and nothing as the search decides.
    curve = SearchCurve(score=0, margin=0, cosine=0, intercept=-9, queries=1)
    model = saved_model("bilstm-attention", threshold=0.0, calibration=Calibration(search=curve))
    save_model(model, tmp_path / "model")
    monkeypatch.setattr(sys, "argv", ["deciding.py", str(tmp_path / "model"), str(one), str(two)])
    deciding.main()
    found = [row.split(" | ")[1:] for row in capsys.readouterr().out.splitlines()[2:4]]
    assert found[0] == ["4", "threshold", "1.000", "0.500", "1.000", "1.000 |"]
    assert found[1] == ["4", "search", "0.000", "-", "0.000", "0.000 |"]


def test_pairs_are_drawn_without_the_header(work: Any, tmp_path: Path) -> None:
    import continuing

    source = tmp_path / "all.tsv"
    source.write_text("text_a\ttext_b\tlabel\n" + "".join(f"甲{k}\t乙{k}\t1\n" for k in range(9)), "utf-8")
    continuing.draw(source, 4, 0, tmp_path / "some.tsv")
    header, *rows = (tmp_path / "some.tsv").read_text("utf-8").splitlines()
    assert header == "text_a\ttext_b\tlabel" and len(set(rows)) == 4


def test_the_index_benchmark_and_its_baselines(
    work: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import index as benchmark

    # Pairs of one hash family: the fraction of equal values is about Jaccard's coefficient of the parts.
    pairs = benchmark.minhash_pairs(["怎么还款", "怎么还款呢", "今天天气"])
    near = {(int(a), int(b)): float(s) for a, b, s in zip(pairs.left, pairs.right, pairs.scores, strict=True)}
    assert set(near) == {(0, 1)} and near[0, 1] == pytest.approx(7 / 9, abs=0.12)
    assert benchmark.recall([[1, 2], [3, 4]], [[2, 1], [5, 4]]) == 0.75
    directions = np.eye(20, dtype=np.float32)
    assert benchmark.exact_first_ten(directions, directions[3:4])[0][0] == 3
    (data / "rawtext").mkdir(exist_ok=True)
    (data / "rawtext" / "a.txt").write_text("今天天气怎样。明天呢？ok\n", "utf-8")
    texts = benchmark.sentences(data, 100)
    assert len(set(texts)) == 100 and all(3 <= len(text) <= 60 for text in texts)
    (data / "pairs" / "bq" / "dev.tsv").write_bytes((data / "pairs" / "bq" / "train.tsv").read_bytes())
    monkeypatch.setattr(benchmark, "SMALL", 60)
    monkeypatch.setattr(benchmark, "ASKED", 20)
    save_model(saved_model("bilstm-attention"), tmp_path / "model")
    arguments = [
        "small",
        "duplicates",
        "--texts",
        "50",
        "--model",
        str(tmp_path / "model"),
        "--data",
        str(data),
    ]
    monkeypatch.setattr(sys, "argv", ["index.py", *arguments])
    benchmark.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) == 7 + 8 + 2 and all(len(row) == 3 for row in rows)


def test_hours_on_spark_come_from_a_line_through_the_sizes(work: Any, tmp_path: Path) -> None:
    import spark_tables

    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        pairs = np.array([1e6, 2e6, 4e6, 8e6])
        line = spark_tables.fit(pairs, 20 + pairs / 7000 + rng.normal(0, 3, 4))
        seconds, off = line.at(1e9)
        held += abs(seconds - (20 + 1e9 / 7000)) <= off
    assert held >= 180
    assert spark_tables.fit([1e6, 1e6, 2e6], [1, 2, 3]) is None

    runs = [
        {"pairs": n, "distinct": 1.0, "cores": 2, "seconds": n / 10_000, "first_mb": 300.0, "last_mb": 310.0}
        for n in (10**6, 2 * 10**6, 4 * 10**6)
    ]
    results, table = tmp_path / "runs.jsonl", tmp_path / "table.md"
    results.write_text("".join(f"{json.dumps(run)}\n" for run in runs), encoding="utf-8")
    spark_tables.write_table(results, table)
    written = table.read_text(encoding="utf-8")
    assert "| 4,000,000 | 100% | 400 | 300 | 310 |" in written
    assert "| 1,000,000,000 | 100% | 55.56 ± 0.00 | 3.47 ± 0.00 | 0.43 ± 0.00 |" in written
    assert "hours" not in spark_tables.markdown(runs[:2])
    assert "not measured" in spark_tables.markdown([])


def test_repetition_pays_where_the_ratio_stays_above_one(work: Any) -> None:
    spark = pytest.importorskip("spark")
    assert spark.crossing((1, 2, 4), [0.5, 2.0, 4.0]) == pytest.approx(2**0.5)
    assert spark.crossing((1, 2, 4, 8), [2.0, 0.5, 0.5, 2.0]) == pytest.approx(4 * 2**0.5)
    assert spark.crossing((1, 2), [1.5, 2.0]) == 1
    assert spark.crossing((1, 2), [1.5, 0.9]) is None
    assert spark.pairs_of(np.array([0, 1, 0, 0])) == {(0, 2), (0, 3), (2, 3)}
