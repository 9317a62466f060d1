from __future__ import annotations

from textsim.text.vocabulary import Vocabulary
from textsim.training.row_scores import translation


def test_translation_reads_tokens_not_places() -> None:
    source, target = Vocabulary(["手机", "好", "鑫"]), Vocabulary(["[", "U", "好", "手"])
    pieces = [ids.tolist() for ids in translation(source, target)]
    assert pieces == [[0], [1], [5, 1], [4], [1]]
