from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from textsim.config.settings import TrainingSettings
from textsim.training.optimizers import make_optimizer, optimizer_names


def rates(**changes: Any) -> list[float]:
    settings = TrainingSettings(**{"epochs": 5, "learning_rate": 0.1, **changes})
    rate = make_optimizer(settings, 4)._learning_rate
    return [float(rate(step)) if callable(rate) else float(rate.numpy()) for step in range(21)]


def test_schedules() -> None:
    assert rates() == pytest.approx([0.1] * 21)
    cosine = rates(schedule="cosine")
    assert (
        cosine[0] == pytest.approx(0.1)
        and cosine[10] == pytest.approx(0.05)
        and cosine[20] == pytest.approx(0)
    )
    warmed = rates(schedule="cosine", warmup=0.2)
    assert warmed[:5] == pytest.approx([0, 0.025, 0.05, 0.075, 0.1])
    assert warmed[12] == pytest.approx(0.05) and warmed[20] == pytest.approx(0)
    assert max(warmed) == pytest.approx(0.1)
    # So few steps that nearly all of them warm up.
    assert np.isfinite(rates(schedule="cosine", warmup=0.95, epochs=1)).all()


@pytest.mark.parametrize("name", optimizer_names())
def test_every_optimizer_builds_with_the_decay_that_the_settings_say(name: str) -> None:
    for decay in (0.0, 0.25):
        settings = TrainingSettings(optimizer=name, weight_decay=decay, average=0.9)
        optimizer = make_optimizer(settings, 4)
        assert type(optimizer).__name__ == name
        assert (optimizer.weight_decay or 0.0) == decay
        assert optimizer.use_ema and optimizer.global_clipnorm is None


def test_optimizer_names_are_those_of_keras() -> None:
    assert {"Adam", "AdamW", "Nadam", "RMSprop", "SGD"} <= set(optimizer_names())
    assert not {"Optimizer", "LossScaleOptimizer", "MultiOptimizer"} & set(optimizer_names())
    assert all(hasattr(keras.optimizers, name) for name in optimizer_names())
