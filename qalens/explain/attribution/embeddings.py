"""One window of a reading as embeddings that can be changed, and a target as a function of the logits that follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch

from qalens.errors import ModelError
from qalens.explain.targets import Target
from qalens.models.model import QAModel
from qalens.readings.reading import Reading


class WindowInput:
    """One window, without padding, whose embeddings can be replaced while everything else is unchanged.

    The embeddings are replaced by forward hooks on the tables, so the model computes its masks and positions from the
    same ids as always. `ids` (1, T) are the token ids; `parts` holds what the embedding tables of the model returned
    for them, (T, D) each, under "word" and if they exist "position" and "segment"; their sum is the input of the
    first layer.

    Raises
    ------
    ModelError
        For a model whose embeddings cannot be replaced.
    """

    def __init__(self, model: QAModel, reading: Reading, window: int):
        self.model = model
        n = int(reading.windows.lengths[window])
        rows = {name: array[window : window + 1, :n] for name, array in reading.windows.model_inputs.items()}
        self._inputs = model.tensors(rows)
        self.ids = self._inputs["input_ids"]
        self._tables = model.embeddings
        self._turned: dict[str, bool] = {}
        self.parts = self._look_up()

    @property
    def shape(self) -> tuple[int, int]:
        """T tokens and D dimensions of the embedding."""
        T, D = self.parts["word"].shape
        return T, D

    def _look_up(self) -> dict[str, torch.Tensor]:
        """What the tables give for this window, seen once as the model runs."""
        seen: dict[str, list[tuple[Any, torch.Tensor]]] = {name: [] for name in self._tables}

        def watch(name: str) -> Any:
            return lambda _, given, output: seen[name].append((given[0] if given else None, output.detach()))

        with self.model.alone(), ExitStack() as stack, self.model.evaluating(), torch.no_grad():
            for name, table in self._tables.items():
                stack.enter_context(hooked(table, watch(name)))
            self.model.scores(self._inputs)
        if len(seen["word"]) != 1:
            raise ModelError(
                f"{self.model.name} looks words up {len(seen['word'])} times in one pass in the table that "
                "get_input_embeddings() gives, and qalens can only exchange the embeddings of a model that does it once. "
                "(An encoder and a decoder do it twice, or in tables of their own.)"
            )
        T = self.ids.shape[1]
        parts = {}
        for name, calls in seen.items():
            if len(calls) != 1:
                continue
            given, output = calls[0]
            # XLNet puts the tokens first and the batch second.
            turned = name == "word" and given is not None and tuple(given.shape) == (T, 1) and T > 1
            self._turned[name] = turned
            # Longformer pads inside of itself, behind the tokens.
            parts[name] = output.reshape(-1, output.shape[-1])[:T]
        if len(parts["word"]) < T:
            raise ModelError(
                f"{self.model.name} looks up {len(parts['word'])} words where there are {T} tokens, so the contribution of each "
                "token cannot be told."
            )
        return {name: p for name, p in parts.items() if len(p) == T}

    def scores(self, parts: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute start and end logits with other embeddings, in their graph.

        Parameters
        ----------
        parts : mapping of str to torch.Tensor
            Embeddings (B, T, D) by part; other parts are unchanged.

        Returns
        -------
        tuple of (torch.Tensor, torch.Tensor)
            Two tensors (B, T).
        """
        B = len(parts["word"])
        inputs = {name: ids.expand(B, -1) for name, ids in self._inputs.items()}
        with self.model.alone(), ExitStack() as stack:
            for name, values in parts.items():
                stack.enter_context(hooked(self._tables[name], self._exchange(name, values)))
            return self.model.scores(inputs)

    def _exchange(self, name: str, values: torch.Tensor) -> Any:
        B, T, _ = values.shape

        def exchange(_: Any, given: Any, output: torch.Tensor) -> torch.Tensor:
            new = values.to(output.dtype)
            if self._turned[name]:
                return new.transpose(0, 1)
            behind = output.reshape(-1, *output.shape[-2:])[:, T:]
            return torch.cat([new, behind.expand(B, -1, -1)], 1) if behind.shape[1] else new

        return exchange

    def scores_of_ids(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute start and end logits with other token ids.

        Parameters
        ----------
        ids : torch.Tensor
            (B, T).

        Returns
        -------
        tuple of (torch.Tensor, torch.Tensor)
            Two tensors (B, T).
        """
        inputs = {name: own.expand(len(ids), -1) for name, own in self._inputs.items()} | {"input_ids": ids}
        return self.model.scores(inputs)


class TargetFunction:
    """A target as a function of the start and end logits (B, T) of its window, without padding, with values (B,).

    At the reading's own logits the value is the target: a score, a logit, a difference of scores, or the logit of
    P(∅).
    """

    def __init__(self, reading: Reading, target: Target):
        self.target = target
        null = int(reading.windows.null_index[target.window])
        # No answer is the null token at both ends.
        self._null = null, null
        self._tokens, self._rival = (
            self._null if t is None else t for t in (target.tokens, target.rival_tokens)
        )
        if target.name == "no_answer":
            self._freeze_rest(reading, target.window)

    def _freeze_rest(self, reading: Reading, window: int) -> None:
        """What counts beside this window's own null score and spans, and stays as it is."""
        spans, null = reading.spans, reading.logits.null_scores
        here = spans.window == window
        self._i, self._j = (
            torch.as_tensor(t[here].astype(np.int64)) for t in (spans.token_start, spans.token_end)
        )
        others = spans.score[~here]
        self._other_spans = float(np.logaddexp.reduce(others)) if len(others) else -np.inf
        mean = reading.null == "mean"
        self._null_weight = 1 / len(null) if mean else 1.0
        self._other_nulls = float(null.sum() - null[window]) / len(null) if mean else 0.0

    def __call__(self, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        s, e = _exact(start), _exact(end)
        target = self.target
        if target.name == "no_answer":
            return self._no_answer(s, e)
        if target.name == "null_score":
            return _score(s, e, self._null)
        if target.name == "start":
            return s[:, self._tokens[0]]
        if target.name == "end":
            return e[:, self._tokens[1]]
        score = _score(s, e, self._tokens)
        return score - _score(s, e, self._rival) if target.name == "contrast" else score

    def _no_answer(self, s: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
        null = self._null_weight * _score(s, e, self._null) + self._other_nulls
        rest = torch.full_like(s[:, :1], self._other_spans)
        z = s[:, self._i.to(s.device)] + e[:, self._j.to(s.device)]
        return null - torch.cat([z, rest], 1).logsumexp(1)


def _score(s: torch.Tensor, e: torch.Tensor, tokens: tuple[int, int]) -> torch.Tensor:
    return s[:, tokens[0]] + e[:, tokens[1]]


def _exact(x: torch.Tensor) -> torch.Tensor:
    """In float64, which Apple's devices alone do not have."""
    return x.float() if x.device.type == "mps" else x.double()


@contextmanager
def explaining(model: QAModel, *, gradients: bool) -> Iterator[None]:
    """Run a model without dropout while the context is open; an error of torch becomes a `ModelError`.

    Parameters
    ----------
    model : QAModel
        The model.
    gradients : bool
        Whether gradients are computed.
    """
    # Inside of somebody's inference mode there would be no gradients, whatever is asked for.
    with model.evaluating(), torch.inference_mode(not gradients):
        try:
            yield
        except (
            RuntimeError,
            IndexError,
            AssertionError,
            MemoryError,
        ) as error:  # what comes up on the way back
            raise ModelError(f"{model.name} failed on this text: {type(error).__name__}: {error}") from error


@contextmanager
def hooked(module: torch.nn.Module, hook: Any) -> Iterator[None]:
    """Attach a forward hook to a module while the context is open.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    hook : object
        As in `torch.nn.Module.register_forward_hook`.
    """
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
