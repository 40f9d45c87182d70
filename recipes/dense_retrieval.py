"""A dense retriever for `reader.ask`: documents and questions as vectors, the nearest documents first.

    python recipes/dense_retrieval.py TEXTS QUESTION --encoder FOLDER [--question-encoder FOLDER] [--pooling mean]

TEXTS is a file with one document on each line. Any encoder that `AutoModel` of transformers loads will do, by folder or hub
name: one for both sides, or one for each, as DPR has them (Karpukhin et al. 2020). DPR takes the vector of the first token
("cls"); most sentence encoders take the mean over all tokens ("mean"), with vectors of length 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

import qalens
import qalens.display
from qalens.errors import InputError
from qalens.readings.provenance import Document, as_document

Pooling = Literal["cls", "mean"]


class Encoder:
    """Turns texts into vectors: a checkpoint, and how its token vectors become one.

    - `pooling`: "cls" takes the first token, "mean" all tokens without padding
    - `unit`: whether vectors get length 1, so that their product is the cosine
    - `max_length`: tokens of a text that are read; what comes after is not seen
    """

    def __init__(
        self,
        name: str | Path,
        *,
        pooling: Pooling = "mean",
        unit: bool = True,
        max_length: int = 256,
        batch_size: int = 32,
    ):
        if pooling not in ("cls", "mean"):
            raise InputError(f'pooling has to be "cls" or "mean", but is {pooling!r}.')
        self.tokenizer = AutoTokenizer.from_pretrained(name)
        self.model = AutoModel.from_pretrained(name).eval()
        self.pooling, self.unit = pooling, unit
        self.max_length, self.batch_size = max_length, batch_size

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, width): a vector for each text, in their order; texts of like length share a batch."""
        order = sorted(range(len(texts)), key=lambda k: len(texts[k]))
        vectors: list[NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(texts)
        for at in range(0, len(order), self.batch_size):
            some = order[at : at + self.batch_size]
            for k, vector in zip(some, self._batch([texts[k] for k in some]), strict=True):
                vectors[k] = vector
        return np.stack(vectors)

    def _batch(self, texts: list[str]) -> NDArray[np.float32]:
        inputs = self.tokenizer(
            texts, padding=True, truncation=True, max_length=self.max_length, return_tensors="pt"
        )
        with torch.inference_mode():
            out = self.model(**inputs)
        pooled = self._pool(out, inputs["attention_mask"]).float()
        return (torch.nn.functional.normalize(pooled, dim=1) if self.unit else pooled).numpy()

    def _pool(self, out: Any, mask: torch.Tensor) -> torch.Tensor:
        # An encoder of DPR gives the vector of its first token alone, and calls it the pooled output.
        hidden = getattr(out, "last_hidden_state", None)
        if hidden is None:
            return out.pooler_output
        if self.pooling == "cls":
            return hidden[:, 0]
        weight = mask.unsqueeze(-1)
        return (hidden * weight).sum(1) / weight.sum(1)


class DenseIndex:
    """Documents with their vectors; `search` makes it a retriever for `Reader.ask`.

    `questions` encodes questions where another encoder than that of the documents does.
    """

    def __init__(self, documents: Iterable[Any], encoder: Encoder, *, questions: Encoder | None = None):
        self.documents = tuple(as_document(one) for one in documents)
        self._questions = encoder if questions is None else questions
        self._vectors = encoder.encode([one.text for one in self.documents])

    def search(self, query: str, top_k: int) -> list[Document]:
        """The `top_k` documents whose vectors have the largest product with that of the query, best first."""
        scores = self._vectors @ self._questions.encode([query])[0]
        nearest = np.argsort(-scores, kind="stable")[:top_k]
        return [
            Document(one.text, one.id, one.meta, float(scores[d]))
            for d, one in ((int(d), self.documents[d]) for d in nearest)
        ]


def main() -> None:
    """Ask one question of a file of documents."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", type=Path)
    parser.add_argument("question")
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--question-encoder")
    parser.add_argument("--pooling", choices=("cls", "mean"), default="mean")
    parser.add_argument("--product", action="store_true", help="the plain product, as DPR, not the cosine")
    parser.add_argument("--top-k", type=int, default=10)
    given = parser.parse_args()
    lines = [line for line in given.texts.read_text(encoding="utf-8").splitlines() if line.strip()]
    how: dict[str, Any] = {"pooling": given.pooling, "unit": not given.product}
    encoder = Encoder(given.encoder, **how)
    questions = None if given.question_encoder is None else Encoder(given.question_encoder, **how)
    index = DenseIndex(lines, encoder, questions=questions)
    reading = qalens.load().ask(given.question, index, top_k=given.top_k)
    print(qalens.display.to_text(reading))


if __name__ == "__main__":
    main()
