"""The model card: what a model is, what it was made of and what it reached, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from textsim.artifacts.calibration import CALIBRATION, Calibration
from textsim.io.manifest import plain

if TYPE_CHECKING:
    from textsim.artifacts.saved_model import SavedModel


def model_card(saved: SavedModel, name: str) -> str:
    """A short description of a model for people, as Markdown."""
    recipe = saved.recipe
    if saved.kind == "text":
        tokenizer, vocabulary = saved.tokenizer, saved.vocabulary
        assert tokenizer is not None and vocabulary is not None
        what = "Scores from 0 to 1 whether two Chinese sentences mean the same."
        simplified = "traditional characters simplified, " if tokenizer.normalizer.simplify else ""
        inputs = (
            f"texts, {simplified}as tokens of the tokenizer `{tokenizer.registered_name}`, of which the vocabulary has "
            f"{len(vocabulary):,}; tokens after the first {saved.max_length} of a text are not read"
        )
        load = (
            "from textsim import TextMatcher\n\n"
            f'matcher = TextMatcher.load("{name}")\n'
            'matcher.score("花呗怎么还款", "怎样还花呗")     # a number from 0 to 1\n'
            'matcher.is_match("花呗怎么还款", "怎样还花呗")  # score >= threshold\n'
        )
    else:
        what = "Scores from 0 to 1 whether two numeric vectors belong together."
        scaled = ", standardized by the training data's mean and spread" if saved.scaler is not None else ""
        inputs = f"numeric vectors of width {saved.dim}{scaled}"
        load = (
            "from textsim import VectorMatcher\n\n"
            f'matcher = VectorMatcher.load("{name}")\n'
            "matcher.score_pairs(left, right)  # two arrays of shape (n, "
            f"{saved.dim}) -> scores of shape (n,)\n"
        )
    chosen = saved.provenance.get("threshold_chosen_on")
    chosen_on = chosen.get("name") if isinstance(chosen, dict) else "the validation split"
    parts = [("encoder", recipe.encoder), ("pooling", recipe.pooling), ("projection", recipe.projection)]
    parts += [("head", recipe.head), ("loss", recipe.loss)]
    rows = [
        ("input", inputs),
        *(
            (kind, f"`{part.name}` {_options(part.options)}".strip())
            for kind, part in parts
            if part is not None
        ),
        *([("members", f"{saved.members}, which score together")] if saved.members > 1 else []),
        ("encoded width", saved.output_dim),
        ("weights", f"{sum(weight.size for weight in saved.weights.values()):,}"),
        ("threshold", f"{saved.threshold:.4f}, chosen on {chosen_on}"),
    ]
    # How long one machine took says nothing of the model.
    metrics = {key: value for key, value in plain(saved.metrics).items() if key != "seconds"}
    figures = [(key, _figure(value)) for key, value in metrics.items()]
    return "\n".join(
        [
            f"# {name}\n",
            what,
            *([recipe.description] if recipe.description else []),
            "\n## Model\n",
            *_table(("", ""), rows),
            "\n## Figures on the validation split\n",
            *(_table(("figure", "value"), figures) if figures else ["None were recorded."]),
            *(
                ["\n`majority_accuracy` is what always answering the more frequent class would reach."]
                if "majority_accuracy" in saved.metrics
                else []
            ),
            "\n## How it was made\n",
            "Settings are in `config.json` under `recipe`, all that follows is in `provenance.json`.\n",
            *_origins(plain(saved.provenance)),
            "\n## Loading it\n",
            "Give the path of this folder in place of the name; a model that comes with textsim is found by its name."
            f"\n\n```python\n{load}```",
            "\n## Limits\n",
            "- The threshold and the figures hold for data like the validation split. On other data choose a "
            "threshold of your own.",
            _what_a_score_means(saved.calibration),
            *_what_a_hit_means(saved.calibration),
            "- The order of the two sides does not matter to it.",
            *(["", saved.notes.strip()] if saved.notes else []),
            "",
        ]
    )


def _what_a_score_means(calibration: Calibration) -> str:
    if not calibration.pairs:
        return "- A score ranks pairs; it is not a calibrated probability."
    return (
        "- A score ranks pairs; it is not a probability. `matcher.probability` is one, fitted on "
        f"{calibration.pairs:,} labelled pairs (`{CALIBRATION}`), and holds for data like these."
    )


def _what_a_hit_means(calibration: Calibration) -> list[str]:
    search = calibration.search
    if search is None:
        return []
    return [
        f"- The threshold is for pairs. In a search a hit is a match from probability {search.min_probability:.4f} on, "
        f"by its score, its cosine and how far it is ahead of the next: fitted on {search.queries:,} queries "
        f"(`{CALIBRATION}`). `textsim calibrate` chooses it for an index and queries of yours."
    ]


def _options(options: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in options.items())


def _figure(value: Any) -> str:
    if value is None:
        return "undefined"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def _origins(provenance: dict[str, Any]) -> list[str]:
    """What a model was made of: one table of single facts, and one for each list of files or models."""
    listed = {
        key: value
        for key, value in provenance.items()
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value)
    }
    facts = [(key, _inline(value)) for key, value in provenance.items() if key not in listed]
    lines = _table(("", ""), facts) if facts else []
    for name, entries in listed.items():
        columns = list(dict.fromkeys(key for entry in entries for key in entry))
        rows = [[_inline(entry.get(column, "")) for column in columns] for entry in entries]
        lines += [f"\n### {name}\n", *_table(columns, rows)]
    return lines or ["Nothing was recorded."]


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_inline(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_inline, value)) or "none"
    return str(value).replace("|", "\\|").replace("\n", " ")
