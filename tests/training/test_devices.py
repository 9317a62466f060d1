"""What TensorFlow is told about GPUs, on a machine that has none."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf

from textsim.errors import ConfigError, InputError
from textsim.training.devices import use_device

GPUS = ["gpu 0", "gpu 1"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What `tf.config` is told, of a machine with two GPUs."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: GPUS)
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *a: calls.append(("visible", *a)))
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda *a: calls.append(("growth", *a)))
    monkeypatch.setattr(
        tf.config,
        "set_logical_device_configuration",
        lambda gpu, parts: calls.append(("limit", gpu, [part.memory_limit for part in parts])),
    )
    return calls


def test_memory_grows_as_it_is_needed(told: list[Any]) -> None:
    use_device()
    assert told == [("growth", gpu, True) for gpu in GPUS]


def test_memory_is_bounded(told: list[Any]) -> None:
    use_device(gpu_memory=2048)
    assert told == [("limit", gpu, [2048]) for gpu in GPUS]


def test_the_cpu_alone(told: list[Any]) -> None:
    use_device("cpu")
    assert told == [("visible", [], "GPU")]


def test_without_a_gpu_a_bound_is_said_to_do_nothing(
    told: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    use_device(gpu_memory=2048)
    assert told == [] and caplog.messages == ["gpu_memory has no effect: TensorFlow finds no GPU"]
    caplog.clear()
    use_device()
    assert told == [] and caplog.messages == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "device: expected 'auto' or 'cpu'. Received 'gpu'."),
        ({"gpu_memory": 0}, "gpu_memory: expected a number of MB, at least 1. Received 0."),
        ({"device": "cpu", "gpu_memory": 1}, "leave one of them out"),
    ],
)
def test_what_cannot_be_is_refused(told: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        use_device(**options)
    assert told == []


def test_a_choice_that_comes_too_late(told: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*arguments: Any) -> None:
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", late)
    monkeypatch.setattr(tf.config, "set_visible_devices", late)
    monkeypatch.setattr(tf.config, "set_logical_device_configuration", late)
    use_device()  # Nothing was asked for.
    for options in ({"device": "cpu"}, {"gpu_memory": 100}):
        with pytest.raises(ConfigError, match="has taken its devices already"):
            use_device(**options)  # type: ignore[arg-type]
