"""A tokenizer that takes a question and a text apart, and knows the tokens that join them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError

# Neighbours in a data set ask about the same text, and one question is asked of many texts; long texts are not held.
_REMEMBERED, _LONGEST_REMEMBERED = 8, 20_000


class PairTokenizer:
    """A fast tokenizer as qalens uses it: a question and a text apart, and the tokens that join them.

    Takes any `PreTrainedTokenizerFast` and works on a copy of its Rust part, so the tokenizer itself keeps its
    state. Which special tokens stand where, and the segment ids, are learnt from one encoded pair. Raises
    `InputError` for a slow tokenizer (it gives no offsets) and for one without a null token.
    """

    def __init__(self, tokenizer: Any):
        if not getattr(tokenizer, "is_fast", False):
            raise InputError(
                f"{type(tokenizer).__name__} is a slow tokenizer and gives no character offsets; qalens needs a "
                "fast one: AutoTokenizer.from_pretrained(name) loads it where the checkpoint has one."
            )
        from tokenizers import Tokenizer  # what every fast tokenizer is built on

        self._rust = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._rust.no_truncation()
        self._rust.no_padding()
        self._learn_template(tokenizer, self._rust.encode("a", "b"))
        # From here on a special token typed in a text is text.
        self._rust.encode_special_tokens = True
        self._unknown_id = tokenizer.unk_token_id
        self._reserved_ids = set(tokenizer.all_special_ids) - {self._unknown_id}
        self._recent: dict[str, Any] = {}
        self._strings: dict[int, str] = {}

    def _learn_template(self, tokenizer: Any, probe: Any) -> None:
        parts = np.array([-1 if s is None else s for s in probe.sequence_ids])
        if not {0, 1} <= set(parts.tolist()):
            raise InputError(
                f"{type(tokenizer).__name__} does not encode a pair of question and text; qalens needs one that does."
            )
        ids, types = np.array(probe.ids), np.array(probe.type_ids)
        q, c = np.flatnonzero(parts == 0), np.flatnonzero(parts == 1)
        if q[0] > c[0]:
            raise InputError(
                "The tokenizer puts the text before the question; qalens expects the question first."
            )
        cuts = [slice(0, q[0]), slice(q[-1] + 1, c[0]), slice(c[-1] + 1, None)]
        self.special_ids = [ids[s] for s in cuts]
        self.special_types = [types[s] for s in cuts]
        self.question_type, self.context_type = int(types[q[0]]), int(types[c[0]])
        self.n_special = sum(map(len, self.special_ids))
        # Asking the tokenizer by encoding a pair would reset its padding and truncation.
        self.has_segments = "token_type_ids" in tokenizer.model_input_names
        self.pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self.pad_type = getattr(tokenizer, "pad_token_type_id", 0) or 0
        self.null_id = self._null_token(tokenizer)

    def _null_token(self, tokenizer: Any) -> int:
        specials = set(np.concatenate(self.special_ids).tolist())
        for name in ("cls_token_id", "bos_token_id"):
            token = getattr(tokenizer, name, None)
            if token is not None and token in specials:
                return token
        raise InputError(
            f"{type(tokenizer).__name__} puts neither a [CLS] nor a <s> token into a pair; without one a model has "
            "no place for the score of no answer."
        )

    def encode(self, text: str) -> Any:
        """The tokens of one text without special tokens, as a `tokenizers.Encoding`; the last ones are remembered."""
        found = self._recent.get(text)
        if found is None:
            found = self._rust.encode(text, add_special_tokens=False)
            if len(text) <= _LONGEST_REMEMBERED:
                # One step each, so that threads which share a tokenizer never see half of it.
                self._recent = {**dict(list(self._recent.items())[1 - _REMEMBERED :]), text: found}
        return found

    def text_ids(self, encoding: Any) -> NDArray[np.int64]:
        """The ids of an encoded text, where a special token's own id never stands for something typed.

        Unigram vocabularies hold "</s>" as a piece like any other and find it in a text; there it reads as unknown.
        """
        found = encoding.ids
        ids = np.array(found, np.int64)
        typed = self._reserved_ids.intersection(found)
        if typed and self._unknown_id is not None:
            ids[np.isin(ids, list(typed))] = self._unknown_id
        return ids

    def token_strings(self, ids: NDArray[np.int64]) -> NDArray[np.object_]:
        """Token strings of ids, in their shape; an id that the tokenizer does not know reads as `<id>`.

        One string object for each distinct id, however often it occurs.
        """
        flat = ids.ravel().tolist()
        for i in set(flat).difference(self._strings):
            self._strings[i] = self._rust.id_to_token(i) or f"<{i}>"
        strings = np.empty(len(flat), dtype=object)
        strings[:] = [self._strings[i] for i in flat]
        return strings.reshape(ids.shape)
