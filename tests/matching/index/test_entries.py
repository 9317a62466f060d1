"""What is stored of records and files: which column is the text, which the id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import saved_model
from textsim.errors import DataFormatError, InputError
from textsim.matching.index.entries import Entry, EntryFile, entries
from textsim.matching.text_matcher import TextMatcher

SEVERAL_TEXTS = {"标准问": "怎么还款", "标题": "还款"}
SEVERAL_IDS = {"问题": "怎么还款", "序号": 1, "faq_id": "b7"}
NAMED = {"title": "还款", "text": "怎么还款", "序号": 1, "id": "b7"}


def test_records_of_several_usual_names_are_asked_about() -> None:
    with pytest.raises(InputError, match=r"^rows\[1\]: several columns may be text: '标准问', '标题'\. Name"):
        list(entries([{"text": "甲"}, SEVERAL_TEXTS]))
    with pytest.raises(InputError, match=r"^rows\[0\]: several columns may be id: '序号', 'faq_id'\. Name"):
        list(entries([SEVERAL_IDS]))


def test_text_and_id_win() -> None:
    assert list(entries([NAMED])) == [Entry("怎么还款", "b7", {"title": "还款", "序号": 1})]


def test_files_of_several_usual_names_are_asked_about(tmp_path: Path) -> None:
    matcher = TextMatcher(saved_model("bilstm-manhattan"))

    def read(row: dict[str, Any], **reading: Any) -> list[Entry]:
        path = tmp_path / "faq.csv"
        path.write_text(f"{','.join(row)}\n{','.join(map(str, row.values()))}\n", encoding="utf-8")
        return [entry for batch in EntryFile(matcher, path, **reading).batches() for entry in batch.entries]

    with pytest.raises(DataFormatError, match=r"may be text: '标准问', '标题'\. .* columns=\['标准问'\]"):
        read(SEVERAL_TEXTS)
    assert read(SEVERAL_TEXTS, columns=["标题"]) == [Entry("还款", None, {"标准问": "怎么还款"})]
    with pytest.raises(InputError, match=r"faq\.csv: several columns may be id: '序号', 'faq_id'\. Name"):
        read(SEVERAL_IDS)
    assert read(NAMED) == [Entry("怎么还款", "b7", {"title": "还款", "序号": "1"})]
