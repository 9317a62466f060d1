from __future__ import annotations

import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from textsim.modeling.kernels.packing import pack

LENGTHS = st.lists(st.integers(0, 6), min_size=1, max_size=6)


@given(LENGTHS, st.integers(0, 2))
@settings(max_examples=30)
def test_packing_against_loops(lengths: list[int], extra: int) -> None:
    steps = max(*lengths, 1) + extra
    packing = pack(tf.constant(lengths, tf.int32), tf.constant(steps))
    order = sorted(range(len(lengths)), key=lambda sentence: -lengths[sentence])
    cells = [(sentence, t) for t in range(steps) for sentence in order if t < lengths[sentence]]
    place = {cell: position for position, cell in enumerate(cells)}
    assert packing.cells.numpy().tolist() == [sentence * steps + t for sentence, t in cells]
    assert packing.mirror.numpy().tolist() == [place[s, lengths[s] - 1 - t] for s, t in cells]
    assert packing.previous.numpy().tolist() == [place[s, t - 1] + 1 if t else 0 for s, t in cells]
    assert packing.counts.numpy().tolist() == [sum(n > t for n in lengths) for t in range(steps)]
    assert packing.starts.numpy().tolist() == [sum(u < t for _, u in cells) for t in range(steps)]
