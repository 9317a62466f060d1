"""The model folder: round trip, card, and every way in which a folder can be wrong."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textsim.artifacts.card import model_card
from textsim.artifacts.pretrained import bundled_models
from textsim.artifacts.saved_model import SavedModel, check_output, copy_model, load_model, save_model
from textsim.config.recipes import RECIPES
from textsim.errors import ArtifactError, ConfigError
from textsim.io.manifest import file_entry
from textsim.text.normalize import Normalizer
from textsim.text.tokenizers import CharTokenizer, JiebaTokenizer
from textsim.text.vocabulary import Vocabulary


def text_model(**changes: Any) -> SavedModel:
    values: dict[str, Any] = {
        "kind": "text",
        "recipe": RECIPES["word-vectors"].replace(["head=l1", "loss=binary-crossentropy"]),
        "dim": 2,
        "output_dim": 2,
        "weights": {
            "embedding/table": np.arange(8, dtype=np.float32).reshape(4, 2) / 3,
            "head/linear/kernel": np.array([[0.1], [-0.2]], np.float32),
            "head/linear/bias": np.zeros(1, np.float32),
        },
        "threshold": 0.625,
        "tokenizer": CharTokenizer(latin="split", normalizer=Normalizer(lowercase=False)),
        "vocabulary": Vocabulary(["花", "呗"]),
        "max_length": 7,
        "metrics": {"pairs": 12, "accuracy_at_threshold": 0.75, "majority_accuracy": 0.5, "seconds": 0.0},
        "provenance": {"sources": [{"name": "训练.tsv", "sha256": "00ff"}], "versions": {"numpy": "2"}},
    }
    return SavedModel(**{**values, **changes})


def vector_model(**changes: Any) -> SavedModel:
    values: dict[str, Any] = {
        "kind": "vectors",
        "recipe": RECIPES["vector-contrastive"].replace(["encoder.units=[3]"]),
        "dim": 2,
        "output_dim": 3,
        "weights": {
            "encoder/dense_0/kernel": np.ones((2, 3), np.float32),
            "encoder/dense_0/bias": np.ones(3, np.float32),
        },
        "scaler": (np.array([1e6, 0.5], np.float32), np.array([1e5, 2.0], np.float32)),
    }
    return SavedModel(**{**values, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(text_model(), tmp_path / "run1")
    return tmp_path / "run1"


def assert_same(loaded: SavedModel, saved: SavedModel) -> None:
    for name in ("kind", "recipe", "dim", "output_dim", "threshold", "vocabulary", "max_length"):
        assert getattr(loaded, name) == getattr(saved, name)
    assert list(loaded.weights) == list(saved.weights)
    for path, weight in saved.weights.items():
        assert loaded.weights[path].dtype == np.float32
        np.testing.assert_array_equal(loaded.weights[path], weight)


def test_text_model_round_trip(folder: Path) -> None:
    saved, loaded = text_model(), load_model(folder)
    assert_same(loaded, saved)
    assert loaded.tokenizer is not None and saved.tokenizer is not None
    assert loaded.tokenizer.to_config() == saved.tokenizer.to_config()
    assert loaded.scaler is None
    assert loaded.metrics == saved.metrics
    assert loaded.provenance == saved.provenance


def test_vector_model_round_trip(tmp_path: Path) -> None:
    save_model(vector_model(), tmp_path / "v", precision="float16")
    loaded = load_model(tmp_path / "v")
    assert_same(loaded, vector_model())
    assert loaded.tokenizer is None and loaded.vocabulary is None and loaded.max_length is None
    # Beyond the range and the precision of float16: never stored so.
    assert loaded.scaler is not None and vector_model().scaler is not None
    np.testing.assert_array_equal(loaded.scaler[0], [1e6, 0.5])
    np.testing.assert_array_equal(loaded.scaler[1], [1e5, 2.0])
    assert not (tmp_path / "v" / "tokenizer.json").exists()


def test_user_dictionary_travels_with_the_model(tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("花呗还款 100 n\n", encoding="utf-8")
    save_model(text_model(tokenizer=JiebaTokenizer(user_dictionary=words)), tmp_path / "run1")
    words.unlink()
    tokenizer = load_model(tmp_path / "run1").tokenizer
    assert tokenizer is not None
    assert tokenizer.to_config()["user_dictionary"] == [["花呗还款", 100, "n"]]


def test_half_precision_halves_the_file_and_reads_back_as_float32(tmp_path: Path) -> None:
    words = Vocabulary([f"词{k}" for k in range(298)])
    table = np.random.default_rng(0).normal(size=(300, 100)).astype(np.float32)
    saved = text_model(
        recipe=RECIPES["word-vectors"],
        vocabulary=words,
        dim=100,
        output_dim=100,
        weights={"embedding/table": table},
    )
    for precision in ("float32", "float16"):
        save_model(saved, tmp_path / precision, precision=precision)  # type: ignore[arg-type]
    sizes = [(tmp_path / name / "weights.npz").stat().st_size for name in ("float16", "float32")]
    assert 1.9 < sizes[1] / sizes[0] < 2.1
    loaded = load_model(tmp_path / "float16").weights["embedding/table"]
    assert loaded.dtype == np.float32
    np.testing.assert_allclose(loaded, table, rtol=1e-3, atol=1e-6)


def test_same_model_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    save_model(text_model(), tmp_path / "other" / "run1")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "other" / "run1" / path.name).read_bytes()


def test_manifest_names_every_other_file(tmp_path: Path) -> None:
    def extra(folder: Path) -> None:
        (folder / "history.csv").write_text("epoch,loss\n1,0.5\n")
        (folder / "loss.txt").write_text("loss")

    save_model(text_model(), tmp_path / "run1", extra=extra)
    files = json.loads((tmp_path / "run1" / "manifest.json").read_text())["files"]
    assert sorted(files) == [
        "README.md",
        "config.json",
        "history.csv",
        "loss.txt",
        "metrics.json",
        "provenance.json",
        "tokenizer.json",
        "vocabulary.txt",
        "weights.npz",
    ]
    (tmp_path / "run1" / "loss.txt").write_text("lost")
    with pytest.raises(ArtifactError, match=r"loss\.txt was altered"):
        load_model(tmp_path / "run1")


def test_card_says_what_matters(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# run1\n")
    for said in (
        "| threshold | 0.6250,",
        "| majority_accuracy | 0.5000 |",
        "| versions | numpy 2 |",
        "### sources\n\n| name | sha256 |\n| --- | --- |\n| 训练.tsv | 00ff |\n",
        'TextMatcher.load("run1")',
    ):
        assert said in card
    assert "always answering the more frequent class" in card
    assert "seconds" not in card
    columns = [{"path": "a|b.csv", "columns": ["x", "y"]}, {"path": "c.csv", "rows": 2}]
    card = model_card(text_model(provenance={"sources": columns}), "run1")
    assert (
        "| path | columns | rows |\n| --- | --- | --- |\n| a\\|b.csv | x, y |  |\n| c.csv |  | 2 |\n" in card
    )
    card = model_card(vector_model(), "v")
    assert "Nothing was recorded." in card
    assert "VectorMatcher" in card and "None were recorded." in card
    assert "always answering" not in card


def test_figures_that_json_cannot_hold_become_null(tmp_path: Path) -> None:
    metrics = {
        "auc": float("nan"),
        "f1": np.float32(0.5),
        "counts": np.array([1, 2]),
        "high": np.float64("inf"),
    }
    save_model(text_model(metrics=metrics), tmp_path / "run1")
    assert load_model(tmp_path / "run1").metrics == {"auc": None, "f1": 0.5, "counts": [1, 2], "high": None}
    assert "| auc | undefined |" in (tmp_path / "run1" / "README.md").read_text(encoding="utf-8")


def test_failed_save_leaves_nothing_and_spares_what_was_there(folder: Path) -> None:
    before = (folder / "manifest.json").read_bytes()

    def fail(_: Path) -> None:
        raise RuntimeError("no plots")

    with pytest.raises(RuntimeError, match="no plots"):
        save_model(text_model(threshold=0.5), folder, extra=fail, overwrite=True)
    assert (folder / "manifest.json").read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == ["run1"]


def test_overwriting_must_be_asked_for(folder: Path) -> None:
    for attempt in (lambda: check_output(folder), lambda: save_model(text_model(), folder)):
        with pytest.raises(
            ArtifactError, match=r"run1/ exists\. Choose another path, or pass overwrite=True"
        ):
            attempt()
    check_output(folder, overwrite=True)
    save_model(text_model(threshold=0.5), folder, overwrite=True)
    assert load_model(folder).threshold == 0.5


def test_folder_of_another_kind_is_never_replaced(tmp_path: Path) -> None:
    for manifest in ("{}", "[]", "{", '{"format": "textsim-dataset", "files": {}}'):
        (tmp_path / "manifest.json").write_text(manifest)
        with pytest.raises(
            ArtifactError, match=r"no manifest\.json of a textsim-model, so it is not replaced"
        ):
            save_model(text_model(), tmp_path, overwrite=True)


def test_what_was_put_into_a_model_folder_is_not_lost(folder: Path) -> None:
    (folder / "plots").mkdir()
    (folder / "plots" / "笔记.txt").write_text("mine")
    (folder / ".DS_Store").write_text("")
    with pytest.raises(
        ArtifactError, match=r"not of the textsim-model, so it is not replaced: plots/笔记\.txt"
    ):
        save_model(text_model(), folder, overwrite=True)
    (folder / "plots" / "笔记.txt").unlink()
    save_model(text_model(threshold=0.5), folder, overwrite=True)
    assert load_model(folder).threshold == 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_length": None}, "expected tokenizer, vocabulary and max_length for kind 'text'"),
        ({"kind": "vectors"}, "none of them for kind 'vectors'. Received kind 'vectors'"),
        ({"kind": "images"}, "kind"),
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"dim": 0}, "dim"),
    ],
)
def test_model_that_does_not_fit_together_is_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        save_model(text_model(**changes), tmp_path / "run1")
    assert not list(tmp_path.iterdir())


def test_weights_that_cannot_be_stored_are_refused(tmp_path: Path) -> None:
    diverged = text_model(weights={"encoder/kernel": np.array([1.0, np.nan], np.float32)})
    with pytest.raises(ArtifactError, match=r"'encoder/kernel' holds NaN or infinity: the training diverged"):
        save_model(diverged, tmp_path / "run1")
    large = text_model(weights={"encoder/kernel": np.array([1e6], np.float32)})
    with pytest.raises(ArtifactError, match=r"'encoder/kernel' exceeds the range of float16"):
        save_model(large, tmp_path / "run1", precision="float16")
    with pytest.raises(ConfigError, match="unknown precision 'int8'"):
        save_model(large, tmp_path / "run1", precision="int8")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["config.json", "manifest.json", "weights.npz"])
def test_missing_core_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(
        ArtifactError, match=rf"run1/ holds no .*{name}.* Found: .*README.*Was training interrupted"
    ):
        load_model(folder)


def test_missing_other_file(folder: Path) -> None:
    (folder / "vocabulary.txt").unlink()
    with pytest.raises(ArtifactError, match=r"run1/ lacks vocabulary\.txt, which its manifest names"):
        load_model(folder)


@pytest.mark.parametrize(
    "name", ["config.json", "weights.npz", "tokenizer.json", "vocabulary.txt", "metrics.json", "README.md"]
)
def test_truncated_and_altered_files(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1])
    with pytest.raises(
        ArtifactError, match=rf"{name} holds {len(content) - 1} bytes\. Expected {len(content)}"
    ):
        load_model(folder)
    (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtifactError, match=rf"{name} was altered"):
        load_model(folder)


def rewrite(folder: Path, name: str, content: bytes) -> None:
    """Changes a file and its place in the manifest, as someone would who means to."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = file_entry(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_other_format_version(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    rewrite(folder, "config.json", json.dumps({**config, "version": 2}).encode())
    with pytest.raises(ArtifactError, match=r"expected format version 1\. Received 2"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b'{"format": "another"}', "config.json is not the settings file of a textsim-model"),
        ("config.json", b'{"format": "textsim-model", "version": 1}', "cannot be read: .*config.json"),
        ("config.json", b"[" * 200_000, "config.json is not valid JSON"),
        ("config.json", b'{"format": "textsim-model", "version": %s}' % (b"1" * 5000), "is not valid JSON"),
        ("tokenizer.json", b'{"name": "chars"}', "unknown tokenizer 'chars'.*Did you mean 'char'"),
        ("tokenizer.json", b"1", "tokenizer.json: expected a JSON object. Received a int"),
        ("tokenizer.json", b'{"name": ["char"]}', "unknown tokenizer"),
        ("tokenizer.json", b'{"name": "jieba", "stop_words": "/etc/passwd"}', "expected a list"),
        ("tokenizer.json", b'{"name": "jieba", "user_dictionary": "/etc/passwd"}', "expected a list"),
        ("tokenizer.json", b'{"name": "char", "normalizer": 1}', "expected a Normalizer"),
        ("vocabulary.txt", b"[PAD]\n", "expected \\[UNK\\]"),
        ("weights.npz", b"PK nonsense", "weights.npz is not a file of weights"),
        ("vocabulary.txt", b"[PAD]\n[UNK]\n\xff\n", "expected UTF-8"),
        ("metrics.json", b"{", "metrics.json is not valid JSON"),
        ("metrics.json", b"3", "metrics.json: expected a JSON object"),
    ],
)
def test_files_that_make_no_sense(folder: Path, name: str, content: bytes, message: str) -> None:
    rewrite(folder, name, content)
    with pytest.raises(ArtifactError, match=message):
        load_model(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "expected a JSON object. Received a list"),
        ('{"format": "textsim-dataset", "files": {}}', "is not the manifest of a textsim-model"),
        (
            '{"format": "textsim-model", "files": {"config.json": 3}}',
            "expected the bytes and the sha256 of config.json. Received 3",
        ),
        ('{"format": "textsim-model", "files": {}}', "does not name config.json: it was altered"),
        ("{", "is not valid JSON"),
    ],
)
def test_manifests_that_make_no_sense(folder: Path, content: str, message: str) -> None:
    (folder / "manifest.json").write_text(content)
    with pytest.raises(ArtifactError, match=message):
        load_model(folder)


def test_weights_with_objects_are_not_unpickled(folder: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "exploded",))

    np.savez(tmp_path / "bomb.npz", w=np.array([Bomb()], dtype=object))
    rewrite(folder, "weights.npz", (tmp_path / "bomb.npz").read_bytes())
    with pytest.raises(ArtifactError, match=r"weights\.npz is not a file of weights"):
        load_model(folder)
    assert not (tmp_path / "exploded").exists()


def archive(arrays: Mapping[str, np.ndarray | bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A .npz file as np.savez would write it, of arrays or of whole members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, array in arrays.items():
            if isinstance(array, np.ndarray):
                member = io.BytesIO()
                np.lib.format.write_array(member, array, version=(1, 0))
                array = member.getvalue()
            made.writestr(f"{name}.npy", array)
    return buffer.getvalue()


def header(descr: Any, shape: Any) -> bytes:
    """A .npy file of that type and shape without its numbers."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


TABLE = np.zeros((4, 2), np.float32)
HEAD = {"head/linear/kernel": np.zeros((2, 1), np.float32), "head/linear/bias": np.zeros(1, np.float32)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            archive({"embedding/table": TABLE}),
            "of weight 'head/linear/kernel', expected shape .*Received none",
        ),
        (
            archive({**HEAD, "embedding/table": TABLE[:3]}),
            r"expected shape \(4, 2\). Received shape \(3, 2\)",
        ),
        (
            archive({**HEAD, "embedding/table": TABLE, "head/other": TABLE}),
            "of weight 'head/other', expected none. Received shape",
        ),
        (archive({**HEAD, "embedding/table": TABLE, "scaler/mean": TABLE}), "of weight 'scaler/"),
        (archive({**HEAD, "embedding/table": TABLE * np.nan}), "'embedding/table' holds NaN or infinity"),
        (archive({**HEAD, "embedding/table": TABLE + np.inf}), "'embedding/table' holds NaN or infinity"),
        (archive({**HEAD, "embedding/table": TABLE.astype("f8")}), "expected float32 or float16.*'<f8'"),
        (archive({**HEAD, "embedding/table": TABLE.astype(">f4")}), "expected float32 or float16.*'>f4'"),
        (archive({**HEAD, "embedding/table": TABLE.astype("c8")}), "expected float32 or float16.*'<c8'"),
        (archive({**HEAD, "embedding/table": np.array([["花"]])}), "expected float32 or float16.*'<U1'"),
        (archive({**HEAD, "embedding/table": np.zeros(4, [("a", "<f4")])}), "expected float32 or float16"),
        (archive({**HEAD, "embedding/table": header("|O", (4, 2))}), r"expected float32 or float16.*'\|O'"),
        (archive({**HEAD, "embedding/table": header("<f4", (10**9, 10**9))}), "not as long as its shape"),
        (archive({**HEAD, "embedding/table": header("<f4", (-4, -2)) + bytes(32)}), "is not"),
        (archive({**HEAD, "embedding/table": header("<f4", "x")}), "is not a file of weights"),
        (archive({**HEAD, "embedding/table": header("(" * 5000, (4, 2))}), "is not a file of weights"),
        (archive({**HEAD, "embedding/table": b"PK"}), "is not a file of weights"),
        (archive({**HEAD, "embedding/table": TABLE}, zipfile.ZIP_DEFLATED), "is compressed or encrypted"),
        (
            archive({"embedding/table": np.zeros((9000, 9000), "f4")}, zipfile.ZIP_DEFLATED),
            "larger than it is",
        ),
    ],
)
def test_weights_that_are_not_those_of_the_settings(folder: Path, content: bytes, message: str) -> None:
    rewrite(folder, "weights.npz", content)
    with pytest.raises(ArtifactError, match=rf"weights\.npz.*{message}"):
        load_model(folder)


def test_members_that_are_encrypted_or_there_twice(folder: Path) -> None:
    whole = bytearray((folder / "weights.npz").read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := whole.find(mark, start + 1)) >= 0:
            whole[start + place] |= 1
    rewrite(folder, "weights.npz", bytes(whole))
    with pytest.raises(ArtifactError, match=r"weights\.npz.*compressed or encrypted"):
        load_model(folder)
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(folder / "weights.npz", "w") as made,
    ):
        for _ in range(2):
            made.writestr("embedding/table.npy", header("<f4", (1,)) + bytes(4))
    rewrite(folder, "weights.npz", (folder / "weights.npz").read_bytes())
    with pytest.raises(ArtifactError, match=r"weights\.npz.*twice"):
        load_model(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output_dim": 3}, "expected output_dim=2, as the parts give it. Received 3"),
        ({"dim": 3}, "expected output_dim=3"),
        ({"dim": 10**30, "output_dim": 10**30}, "does not fit the model's settings"),
        ({"members": 10**9}, "members"),
        ({"members": 2}, "expected output_dim=4"),
        ({"members": 2, "output_dim": 4}, "of weight '0/embedding/table'"),
        ({"max_length": None}, "expected a value of max_length for kind 'text'"),
        ({"max_length": 1.5}, "max_length"),
        ({"max_length": 2**20 + 1}, "max_length: .* less than or equal to 1048576"),
        ({"kind": "vectors"}, "expected null of max_length for kind 'vectors'"),
        ({"recipe.embedding": None}, "expected a value of recipe.embedding"),
        ({"recipe.pooling": None}, "expected a value of recipe.pooling"),
        ({"recipe.head": {"name": "cosine"}}, "of weight 'head/linear/kernel', expected none"),
        ({"recipe.head": {"name": "interaction"}}, "of weight 'head/hidden_0/kernel'"),
        (
            {"recipe.encoder": {"name": "bilstm", "units": [10**10]}},
            "bilstm units: expected whole numbers from 1",
        ),
        ({"recipe.encoder": {"name": "bilstm", "units": [1] * 9999}}, "bilstm units: expected at most 1,000"),
        ({"recipe.encoder": {"name": "bilstm", "units": "many"}}, "bilstm units: expected whole numbers"),
        ({"recipe.encoder": {"name": "bilstm", "unit": [2]}}, "encoder 'bilstm': .*'unit'"),
        (
            {"recipe.encoder": {"name": "transformer", "layers": 10**6}},
            "transformer layers: expected at most",
        ),
        ({"recipe.encoder": {"name": 5}}, "encoder.name"),
    ],
)
def test_settings_that_are_not_those_of_the_weights(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    config = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        *path, last = key.split(".")
        target = config
        for part in path:
            target = target[part]
        target[last] = value
    rewrite(folder, "config.json", json.dumps(config).encode())
    with pytest.raises(ArtifactError, match=message):
        load_model(folder)


def test_a_scaler_of_vectors_is_checked_too(tmp_path: Path) -> None:
    save_model(vector_model(), tmp_path / "v")
    arrays: dict[str, Any] = {
        "encoder/dense_0/kernel": np.ones((2, 3), np.float32),
        "encoder/dense_0/bias": np.ones(3, np.float32),
    }
    ones = np.ones(2, np.float32)
    for scaler, message in (
        ({"scaler/mean": ones}, "of weight 'scaler/scale', expected shape .*Received none"),
        ({"scaler/mean": ones, "scaler/scale": ones[:1]}, "of weight 'scaler/scale'"),
        ({"scaler/mean": ones, "scaler/scale": 0 * ones}, "Expected numbers above 0"),
    ):
        rewrite(tmp_path / "v", "weights.npz", archive({**arrays, **scaler}))
        with pytest.raises(ArtifactError, match=message):
            load_model(tmp_path / "v")
    rewrite(tmp_path / "v", "weights.npz", archive(arrays))
    assert load_model(tmp_path / "v").scaler is None


@pytest.mark.parametrize("name", ["tokenizer.json", "vocabulary.txt"])
def test_what_the_manifest_does_not_name_is_not_read(folder: Path, name: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"][name]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=f"does not name {name}, which a text model has"):
        load_model(folder)


def test_dataset_folder_in_place_of_a_model(tmp_path: Path) -> None:
    for name in ("manifest.json", "settings.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ArtifactError, match=r"is a dataset folder\. Expected a model, as `textsim train"):
        load_model(tmp_path)


def test_file_in_place_of_a_folder(folder: Path) -> None:
    with pytest.raises(ArtifactError, match=r"weights\.npz is a file\. Expected a model folder"):
        load_model(folder / "weights.npz")


def test_bundled_models(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textsim.artifacts.pretrained.resources.files", lambda _: tmp_path / "package")
    assert bundled_models() == {}
    with pytest.raises(ArtifactError, match=r"no folder 'small', and no model is bundled"):
        load_model("small")
    shutil.copytree(folder, tmp_path / "package" / "models" / "small")
    (tmp_path / "package" / "models" / "notes").mkdir()
    assert bundled_models() == {"small": tmp_path / "package" / "models" / "small"}
    assert load_model("small").threshold == 0.625
    with pytest.raises(
        ArtifactError, match=r"no folder 'smal', and unknown bundled model 'smal'.*mean 'small'"
    ):
        load_model("smal")


def test_cards_of_bundled_models_say_how_they_are_loaded() -> None:
    for name, installed in bundled_models().items():
        card = (installed / "README.md").read_text(encoding="utf-8")
        assert card.startswith(model_card(load_model(name), name))


def test_sources_without_installation_have_no_bundled_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("textsim.artifacts.pretrained.resources.files", missing)
    assert bundled_models() == {}


def test_loading_needs_nothing_slow(folder: Path) -> None:
    code = (
        "import sys; from textsim.artifacts.saved_model import load_model; load_model(sys.argv[1]);"
        "print({'keras', 'tensorflow', 'pandas', 'sklearn', 'gensim', 'jieba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_notes_end_the_card(tmp_path: Path) -> None:
    saved = text_model(
        notes="## Terms\n\nAsk first.\n", provenance={"threshold_chosen_on": {"name": "a/我.tsv"}}
    )
    save_model(saved, tmp_path / "m")
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert card.endswith("\n\n## Terms\n\nAsk first.\n") and "0.6250, chosen on a/我.tsv |" in card
    loaded = load_model(tmp_path / "m")
    assert loaded.notes == saved.notes and model_card(loaded, "m") == card
    save_model(text_model(provenance={"threshold_chosen_on": "odd"}), tmp_path / "n")
    assert load_model(tmp_path / "n").notes == "" and not (tmp_path / "n" / "notes.md").exists()


def test_a_changed_copy_keeps_the_other_files(folder: Path, tmp_path: Path) -> None:
    def extra(partial: Path) -> None:
        (partial / "history.csv").write_text("epoch\n1\n")

    save_model(text_model(), tmp_path / "old", extra=extra)
    saved = load_model(tmp_path / "old")
    copy_model(tmp_path / "old", replace(saved, threshold=0.25), tmp_path / "new")
    assert load_model(tmp_path / "new").threshold == 0.25
    for name in ("history.csv", "weights.npz", "vocabulary.txt", "tokenizer.json", "metrics.json"):
        assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "old" / name).read_bytes()
    assert (tmp_path / "new" / "README.md").read_text(encoding="utf-8").startswith("# new\n")


def test_a_model_that_an_interrupted_run_moved_aside_is_found(folder: Path) -> None:
    folder.rename(folder.with_name("run1.old-0123abcd"))
    assert load_model(folder).threshold == 0.625
