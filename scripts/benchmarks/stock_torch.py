"""The `bilstm-manhattan` model in PyTorch: a baseline. Needs torch, which is no dependency of the project.

`torch.nn.LSTM` reads each batch packed, or padded. Padded, its backward direction begins in the padding: the numbers
are the model's for sentences as long as the batch alone, but the speed is that of a batch without masks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

Batch = dict[str, np.ndarray]


class TorchModel(nn.Module):
    """Encodes both sides in one call: frozen embedding, bidirectional LSTMs with dropout, the last states."""

    def __init__(self, table: np.ndarray, units: Sequence[int], dropout: float, packed: bool) -> None:
        super().__init__()
        self.packed = packed
        self.embedding = nn.Embedding.from_pretrained(torch.from_numpy(table), freeze=True)
        widths = [table.shape[1], *(2 * n for n in units[:-1])]
        self.recurrent = nn.ModuleList(
            nn.LSTM(width, n, batch_first=True, bidirectional=True)
            for width, n in zip(widths, units, strict=True)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        features = self.embedding(ids)
        for recurrent in self.recurrent:
            if self.packed:
                sequence = nn.utils.rnn.pack_padded_sequence(
                    features, lengths, batch_first=True, enforce_sorted=False
                )
                outputs, (ends, _) = recurrent(sequence)
                features, _ = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)
            else:
                features, (ends, _) = recurrent(features)
            features = self.dropout(features)
        u, v = torch.cat([self.dropout(ends[0]), self.dropout(ends[1])], dim=1).chunk(2)
        return torch.exp(-(u - v).abs().sum(dim=1))


class StockTorch:
    """Trains and runs the model. Arguments as `stock_keras.StockKeras`; `packed` is whether padding is skipped."""

    def __init__(self, table: np.ndarray, units: Sequence[int], dropout: float, packed: bool) -> None:
        self.model = TorchModel(table, units, dropout, packed)
        self._optimizer = torch.optim.NAdam(self.model.recurrent.parameters(), 1e-3)
        self._loss = nn.BCELoss()

    def _names(self) -> dict[str, tuple[nn.Parameter, bool]]:
        """Each weight by its path in a `SiameseModel`, and whether it is transposed."""
        kinds = {"kernel": "weight_ih", "recurrent_kernel": "weight_hh", "bias": "bias_ih"}
        return {
            f"encoder/{direction}_{layer}/{name}": (getattr(recurrent, f"{kind}_l0{suffix}"), name != "bias")
            for layer, recurrent in enumerate(self.model.recurrent)
            for direction, suffix in (("forward", ""), ("backward", "_reverse"))
            for name, kind in kinds.items()
        }

    def set_weights(self, weights: dict[str, np.ndarray]) -> None:
        """Takes the weights of a `bilstm` encoder, by their path in a `SiameseModel`."""
        with torch.no_grad():
            for path, (parameter, transposed) in self._names().items():
                values = torch.from_numpy(weights[path])
                parameter.copy_(values.T if transposed else values)
            for recurrent in self.model.recurrent:
                # torch adds a second bias, which the model does not have.
                recurrent.bias_hh_l0.zero_()
                recurrent.bias_hh_l0_reverse.zero_()

    def _scores(self, batch: Batch) -> torch.Tensor:
        return self.model(torch.from_numpy(batch["token_ids"]), torch.from_numpy(batch["lengths"]))

    def train(self, batches: Sequence[Batch]) -> None:
        """One step of training on each batch."""
        self.model.train()
        for batch in batches:
            self._optimizer.zero_grad()
            self._loss(self._scores(batch), torch.from_numpy(batch["labels"])).backward()
            self._optimizer.step()

    def scores_and_gradients(self, batch: Batch) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Scores of a batch, and the gradients of their sum, by the weights' paths in a `SiameseModel`."""
        self.model.eval()
        self._optimizer.zero_grad()
        scores = self._scores(batch)
        scores.sum().backward()
        gradients = {}
        for path, (parameter, transposed) in self._names().items():
            assert parameter.grad is not None
            gradients[path] = (parameter.grad.T if transposed else parameter.grad).numpy().copy()
        self._optimizer.zero_grad()
        return scores.detach().numpy(), gradients
