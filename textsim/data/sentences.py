"""Distinct sentences, tokenized once each, in memory that does not grow with their number.

Texts that come in are laid down in one of `PARTITIONS` files by their hash, so that equal texts meet in one
file. Each file is then taken by itself: its distinct texts are found, cut and numbered. Only numpy arrays on
disk and one partition at a time are held.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np

from textsim.data.cutting import PARTITIONS, Cutter, partition_file, partition_of, write_partition
from textsim.errors import InputError
from textsim.io.npy import NpyWriter, open_npy, slices
from textsim.text.tokenizers import Tokenizer
from textsim.text.vocabulary import UNK_ID, Vocabulary

_BLOCK_SENTENCES = 1 << 15


class SentenceBuilder:
    """Collects texts, then tokenizes the distinct ones.

    Use: `add` for every chunk of texts, `tokenize` once, then `sentences`.

    Args:
        work: an empty folder for temporary files.
        tokenizer: cuts the texts, which must be normalized by its normalizer already.
    """

    def __init__(self, work: Path, tokenizer: Tokenizer) -> None:
        self._work = work
        self._tokenizer = tokenizer
        self._added = 0
        names = [partition_file(work, p, "") for p in range(PARTITIONS)]
        self._texts = [open(f"{name}texts", "wb") for name in names]  # noqa: SIM115
        self._numbers = [NpyWriter(f"{name}numbers.npy", np.int32) for name in names]

    def add(self, texts: Sequence[str]) -> np.ndarray:
        """Takes normalized texts, best each once.

        Returns:
            Their running numbers, int32 of shape (texts,), which `CutSentences.resolve` turns into sentence indices.
        """
        numbers = np.arange(self._added, self._added + len(texts), dtype=np.int32)
        self._added += len(texts)
        encoded = [text.encode() for text in texts]
        part_of = np.fromiter(map(partition_of, encoded), np.int8, count=len(encoded))
        order = np.argsort(part_of, kind="stable")
        ends = np.cumsum(np.bincount(part_of, minlength=PARTITIONS))
        begin = 0
        for part, end in enumerate(ends.tolist()):
            if end > begin:
                members = order[begin:end]
                self._texts[part].write(b"".join([encoded[i] + b"\n" for i in members.tolist()]))
                self._numbers[part].append(numbers[members])
                begin = end
        return numbers

    def tokenize(self, processes: int = 1) -> Iterator[None]:
        """Finds and cuts the distinct texts. Yields after each of its `steps`, to let progress be shown."""
        for file in self._texts:
            file.close()
        for writer in self._numbers:
            writer.close()
        partitions = range(PARTITIONS)
        if processes == 1:
            for part in partitions:
                _tokenize_partition(self._work, part, self._tokenizer)
                yield
        else:
            yield from self._tokenize_in_pool(processes)

    @property
    def steps(self) -> int:
        return PARTITIONS

    def _tokenize_in_pool(self, processes: int) -> Iterator[None]:
        workers = ProcessPoolExecutor(
            max_workers=min(processes, PARTITIONS),
            # Never forked: the caller may hold TensorFlow's threads.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(self._work, self._tokenizer),
        )
        try:
            with workers:
                for _ in workers.map(_tokenize_in_worker, range(PARTITIONS)):
                    yield
        except BrokenProcessPool as error:
            raise InputError(
                "the tokenizing processes ended early. A script that uses processes > 1 must guard its main "
                'code with if __name__ == "__main__":. Otherwise try processes=1.'
            ) from error

    def sentences(self) -> CutSentences:
        """The distinct sentences, after `tokenize`."""
        return CutSentences(self._work, self._added)


class CutSentences:
    """Distinct sentences that are cut: counts and encodes them.

    Args:
        work: the folder of temporary files that holds those of every partition (`write_partition`) and numbers.npy,
            the running number of each of its texts.
        added: how many texts have a running number.

    Attributes:
        lengths: the number of tokens of each sentence, int32 of shape (sentences,).
        tokens: all different tokens.
    """

    def __init__(self, work: Path, added: int) -> None:
        self._work = work
        # CutSentences and tokens are numbered over all partitions.
        final = np.lib.format.open_memmap(work / "final.npy", "w+", np.int32, (max(added, 1),))
        ids: dict[str, int] = {}
        self._first = [0]
        with NpyWriter(self._work / "lengths.npy", np.int32) as lengths:
            for part in range(PARTITIONS):
                numbers = open_npy(partition_file(self._work, part, "numbers.npy"))
                final[numbers] = open_npy(partition_file(self._work, part, "distinct.npy")) + self._first[-1]
                local_lengths = open_npy(partition_file(self._work, part, "lengths.npy"))
                lengths.append(local_lengths)
                self._first.append(self._first[-1] + len(local_lengths))
                tokens = partition_file(self._work, part, "tokens").read_bytes().decode().split("\n")[:-1]
                global_ids = [ids.setdefault(token, len(ids)) for token in tokens]
                np.save(partition_file(self._work, part, "global.npy"), np.array(global_ids, np.int32))
        self._final = final
        self.lengths = open_npy(self._work / "lengths.npy")
        self.tokens = list(ids)

    def __len__(self) -> int:
        """The number of distinct sentences."""
        return self._first[-1]

    def resolve(self, numbers: np.ndarray) -> np.ndarray:
        """The sentence index of each running number; same shape, int32."""
        indices: np.ndarray = self._final[numbers]
        return indices

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """In blocks: sentences, their lengths, and their tokens as places in `self.tokens`."""
        for part in range(PARTITIONS):
            to_global = np.load(partition_file(self._work, part, "global.npy"))
            ids = open_npy(partition_file(self._work, part, "ids.npy"))
            begin = 0
            for block in slices(self._first[part + 1] - self._first[part], _BLOCK_SENTENCES):
                sentences = slice(self._first[part] + block.start, self._first[part] + block.stop)
                lengths = self.lengths[sentences]
                end = begin + int(lengths.sum())
                yield sentences, lengths, to_global[ids[begin:end]]
                begin = end

    def count(self, usage: np.ndarray, max_length: int) -> np.ndarray:
        """How often each token occurs.

        Args:
            usage: how often each sentence is used, shape (sentences,).
            max_length: tokens beyond this are not counted.

        Returns:
            int64 array in the order of `tokens`.
        """
        counts = np.zeros(len(self.tokens), np.float64)
        for sentences, lengths, ids in self._blocks():
            weights = np.repeat(usage[sentences], lengths)
            weights[_place(lengths) >= max_length] = 0
            counts += np.bincount(ids, weights, minlength=len(counts))
        return counts.astype(np.int64)

    def cut_sentences(self, usage: np.ndarray) -> Iterator[list[str]]:
        """The tokens of each distinct sentence that is used at least once."""
        for sentences, lengths, ids in self._blocks():
            ends = np.cumsum(lengths)
            begins = ends - lengths
            for i in np.flatnonzero(usage[sentences]).tolist():
                yield [self.tokens[t] for t in ids[begins[i] : ends[i]].tolist()]

    def write(self, folder: Path, vocabulary: Vocabulary, max_length: int) -> np.ndarray:
        """Writes the sentences' ids, cut to `max_length`, and their offsets into `folder`.

        Returns:
            The number of ids each sentence has before it is cut, int32 of shape (sentences,): it differs from
            `lengths` where an unknown word was read as its characters.
        """
        encoded = [vocabulary.encode([token]) for token in self.tokens]
        width = np.array([len(ids) for ids in encoded], np.int32)
        begin = np.cumsum(width) - width
        flat = np.array([i for ids in encoded for i in ids], np.int32)
        offset = 0
        with (
            NpyWriter(folder / "sentences.ids.npy", np.int32) as ids_file,
            NpyWriter(folder / "sentences.offsets.npy", np.int64) as offsets_file,
            NpyWriter(self._work / "full_lengths.npy", np.int32) as full_file,
        ):
            offsets_file.append(np.zeros(1, np.int64))
            for _, lengths, tokens in self._blocks():
                widths = width[tokens]
                ids = flat[np.repeat(begin[tokens], widths) + _place(widths)]
                token_ends = np.concatenate(([0], np.cumsum(widths)))
                sentence_ends = np.cumsum(lengths)
                full = token_ends[sentence_ends] - token_ends[sentence_ends - lengths]
                ids_file.append(ids[_place(full) < max_length])
                ends = offset + np.cumsum(np.minimum(full, max_length))
                offsets_file.append(ends)
                full_file.append(full)
                offset = int(ends[-1])
        return open_npy(self._work / "full_lengths.npy")


def _place(lengths: np.ndarray) -> np.ndarray:
    """0, 1, ... within each of the runs whose lengths are given."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def encoding_coverage(tokens: Sequence[str], counts: np.ndarray, vocabulary: Vocabulary) -> dict[str, float]:
    """How well a vocabulary covers counted tokens.

    Args:
        tokens: different tokens.
        counts: how often each occurs, shape (tokens,).

    Returns:
        Shares of the occurrences, which add up to 1 where there are any: "known" is in the vocabulary,
        "by_characters" is read as characters of which it has at least one, "unknown" is neither.
    """
    known = by_characters = 0
    for token, count in zip(tokens, counts.tolist(), strict=True):
        if token in vocabulary:
            known += count
        elif vocabulary.encode([token]) != [UNK_ID]:
            by_characters += count
    total = int(counts.sum())
    shares = {"known": known, "by_characters": by_characters, "unknown": total - known - by_characters}
    return {name: n / max(total, 1) for name, n in shares.items()}


_worker: tuple[Path, Tokenizer]


def _start_worker(work: Path, tokenizer: Tokenizer) -> None:
    global _worker
    _worker = work, tokenizer


def _tokenize_in_worker(part: int) -> None:
    _tokenize_partition(_worker[0], part, _worker[1])


def _tokenize_partition(work: Path, part: int, tokenizer: Tokenizer) -> None:
    """Finds the distinct texts of a partition, in order of first appearance, and cuts them."""
    file = partition_file(work, part, "texts")
    texts = file.read_bytes().split(b"\n")
    texts.pop()
    cutter = Cutter(tokenizer)
    write_partition(work, part, (cutter.cut(texts[piece]) for piece in slices(len(texts), _BLOCK_SENTENCES)))
    file.unlink()
