"""Sentences of raw text, half of them near others: what a teacher of general text is asked about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

# Sentences of a file as a multiple of PER_FILE: more of what is said in whole statements, less of manuals.
SHARES = {
    "deb_gimp_help": 0.2,
    "deb_debian_reference": 0.3,
    "egret_wenda": 0.4,
    "deb_manpages_zh": 0.6,
    "beike_realestate_chat": 0.6,
    "fewclue_chid": 0.8,
    "insuranceqa_zh_questions": 0.8,
    "chicken_gossip": 1.4,
    "nus_sms_zh": 1.4,
    "fewclue_eprstmt_tnews": 1.5,
    "online_shopping_reviews": 1.5,
    "cmrc2018_wiki_devtrial": 1.6,
    "peoples_daily_199801": 1.6,
    "qbqtc_query_title": 1.6,
    "smp2020_weibo": 1.6,
    "thucnews_titles_devtest": 1.8,
    "dgk_movie_dialog": 2.0,
}
PER_FILE = 2300
MOST_READ = 24_000
"""Sentences of a file among which neighbours are sought."""

_BANDS = np.array([0.4, 0.52, 0.64, 0.76, 0.88, 0.97])
"""TF-IDF cosines: pairs are taken from between each two as equally as there are pairs."""

_CHINESE = re.compile("[一-鿿]")


class Chosen(NamedTuple):
    """Sentences of raw text.

    Attributes:
        near: pairs that share many characters.
        single: others, drawn at random.
    """

    near: list[tuple[str, str]]
    single: list[str]

    def texts(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys([text for pair in self.near for text in pair] + self.single))


def choose(folder: Path, seed: int = 0, only: Sequence[str] | None = None) -> Chosen:
    """Sentences of every file of a folder, or of those with the names given."""
    rng = np.random.default_rng(seed)
    near: list[tuple[str, str]] = []
    single: list[str] = []
    for path in sorted(folder.glob("*.txt")):
        texts = sentences(path, rng)
        if len(texts) > MOST_READ:
            texts = [texts[k] for k in sorted(rng.permutation(len(texts))[:MOST_READ])]
        if len(texts) < 50:
            continue
        wanted = round(PER_FILE * SHARES.get(path.stem, 1.0))
        pairs = near_pairs(texts, wanted * 11 // 20, rng)
        used = {k for pair in pairs for k in pair}
        order = rng.permutation(len(texts)).tolist()
        if only is not None and path.stem not in only:
            continue  # After its draws, so that the other files' sentences are the same ones.
        near += [(texts[a], texts[b]) for a, b in pairs]
        others = [k for k in order if k not in used]
        single += [texts[k] for k in others[: max(wanted - len(used), 0)]]
    return Chosen(near, single)


def sentences(path: Path, rng: np.random.Generator) -> list[str]:
    """The distinct sentences of a file of 5 to 120 characters, most of them Chinese; some longer lines stay whole."""
    found: dict[str, None] = {}
    for line in path.open(encoding="utf-8"):
        line = line.strip()
        # Places where something was taken out.
        if "#idiom#" in line or "<#>" in line:
            continue
        parts = re.findall('[^。！？!?；;…]+[。！？!?；;…”"]*', line) if len(line) > 45 else [line]
        if 60 < len(line) <= 120 and rng.random() < 0.15:
            parts.append(line)
        for part in parts:
            text = part.strip(" 　★\"“”'")
            chinese = len(_CHINESE.findall(text))
            if 5 <= len(text) <= 120 and chinese >= max(4, 0.55 * len(text)):
                found[text] = None
    return list(found)


def near_pairs(texts: list[str], most_texts: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs of each text and its three nearest by TF-IDF of characters, of all bands alike, until so many texts are in.

    Returns:
        places of the two texts of each pair.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=np.float32
    ).fit_transform(texts)
    others = vectors.T.tocsr()
    bands: list[list[tuple[int, int]]] = [[] for _ in _BANDS[1:]]
    for start in range(0, len(texts), 512):
        cosines = (vectors[start : start + 512] @ others).toarray()
        for row, cosine in enumerate(cosines):
            cosine[start + row] = 0
            for place in np.argpartition(-cosine, 3)[:3].tolist():
                band = int(np.searchsorted(_BANDS, cosine[place])) - 1
                if 0 <= band < len(bands) and start + row < place:
                    bands[band].append((start + row, place))
    for band in bands:
        rng.shuffle(band)
    chosen: list[tuple[int, int]] = []
    used: set[int] = set()
    while len(used) < most_texts and any(bands):
        for band in reversed(bands):
            if band and len(used) < most_texts:
                chosen.append(tuple(band.pop()))  # type: ignore[arg-type]
                used.update(chosen[-1])
    return chosen
