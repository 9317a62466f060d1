from __future__ import annotations

import ctypes

import numpy as np
import pytest

from textsim.data.dataset import PairDataset
from textsim.modeling.batches import PairBatches
from textsim.training.input_pipeline import Batch, batch_signature, batch_source


def text_batches(pairs: PairDataset) -> PairBatches:
    split = pairs.splits["train"]
    return PairBatches(split.sides, split.labels, pairs.sentences, 32, seed=0)


def vector_batches() -> list[Batch]:
    rng = np.random.default_rng(0)
    sizes = (4, 4, 1)
    return [{"vectors": rng.random((n, 3)), "labels": np.arange(n, dtype="float32")} for n in sizes]


def assert_equal_batches(source: object, batches: object) -> None:
    read, expected = list(source), list(batches)  # type: ignore[call-overload]
    assert len(read) == len(expected)
    for one, other in zip(read, expected, strict=True):
        assert one.keys() == other.keys()
        for key, value in other.items():
            assert one[key].dtype == value.dtype
            np.testing.assert_array_equal(one[key], value)


def test_the_signature_leaves_sizes_open(pairs: PairDataset) -> None:
    specs = batch_signature(text_batches(pairs).batch(np.arange(4)))
    assert {key: spec.shape.as_list() for key, spec in specs.items()} == {
        "labels": [None],
        "weights": [None],
        "token_ids": [None, None],
        "lengths": [None],
        "sentences": [None],
    }
    assert batch_signature(vector_batches()[0])["vectors"].shape.as_list() == [None, 3]


def test_each_pass_reads_the_batches_of_its_epoch(pairs: PairDataset) -> None:
    batches = text_batches(pairs)
    source = batch_source(batches)
    assert source.cardinality() == len(batches)
    assert source.element_spec == batch_signature(batches.batch(np.arange(2)))
    for epoch in (0, 1, 1):
        batches.epoch = epoch
        assert_equal_batches(source, batches)


def test_a_pass_may_be_left_half_way() -> None:
    batches = vector_batches()
    source = batch_source(batches)
    next(iter(source))
    assert_equal_batches(source, batches)


def test_malloc_goes_on_using_memory_again(pairs: PairDataset) -> None:
    """After `Dataset.from_generator` it takes all that is as large as this from the kernel, each time."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("no glibc 2.33 or newer")
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]

    class Info(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")] + [
            (name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
        ]

    libc.mallinfo2.restype = Info
    list(batch_source(text_batches(pairs)))
    libc.free(libc.malloc(1 << 20))  # after which malloc keeps blocks of this size
    before = libc.mallinfo2().hblks
    block = libc.malloc(1 << 20)
    mapped = libc.mallinfo2().hblks - before
    libc.free(block)
    assert mapped == 0


def test_nothing_is_tuned_while_it_runs() -> None:
    """What would do so sleeps for ever longer, and the end of a pass waits for it: for up to a minute."""
    assert batch_source(vector_batches()).options().autotune.enabled is False
