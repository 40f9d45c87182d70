"""A tokenizer that encodes a question and a text separately, and knows the tokens that join them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qalens.errors import InputError, is_panic

# Neighbours in a data set ask about the same text, one question is asked of many texts, and who reads a chunk of texts may ask
# for their words afterwards. Not held are long texts, and more characters than a chunk has: some 30 bytes each.
_REMEMBERED, _LONGEST_REMEMBERED, _CHARACTERS_REMEMBERED = 512, 20_000, 400_000


class EncodedText:
    """One text as N tokens without special tokens; its arrays are made when they are first needed.

    Parameters
    ----------
    tokenizer : PairTokenizer
        The tokenizer.
    encoding : object
        A `tokenizers.Encoding`.
    """

    def __init__(self, tokenizer: PairTokenizer, encoding: Any):
        self._tokenizer, self._encoding = tokenizer, encoding

    def __len__(self) -> int:
        """N, the number of tokens."""
        return len(self._encoding)

    @property
    def word_ids(self) -> list[int | None]:
        """For each token the number of the word that it belongs to, None where it belongs to none."""
        return self._encoding.word_ids

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """(N,): the id of each token, see `PairTokenizer.text_ids`."""
        return _kept(self._tokenizer.text_ids(self._encoding))

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """(N, 2): the characters `[start, end)` of each token."""
        flat = chain.from_iterable(self._encoding.offsets)
        return _kept(np.fromiter(flat, np.int64, 2 * len(self)).reshape(-1, 2))


class PairTokenizer:
    """A fast tokenizer as qalens uses it: question and text encoded separately, and the special tokens that join them.

    It works on a copy of the tokenizer's Rust part, so the given tokenizer keeps its state. The positions of the
    special tokens and the segment ids are learnt from one encoded pair. A special token that is typed in a text is
    read as text; one that was added to the vocabulary of a checkpoint, such as a marker used in training, is read as
    that token.

    `null_id` is the token that represents no answer, [CLS] or `<s>`. It is None if the tokenizer puts neither into a
    pair; then the first token of the question represents no answer, as in the scripts of transformers that train such
    models.

    Parameters
    ----------
    tokenizer : object
        Any `PreTrainedTokenizerFast`.

    Attributes
    ----------
    rust : object
        A copy of its `tokenizers.Tokenizer`, to which special tokens in a text are text.
    unknown_id : int or None
        The id of the token for what is not in the vocabulary.
    reserved_ids : set of int
        The ids of special tokens, which no text may bring in.

    Raises
    ------
    InputError
        For a slow tokenizer, which gives no character offsets, and for one that does not encode a pair with the
        question first.
    """

    def __init__(self, tokenizer: Any):
        if not getattr(tokenizer, "is_fast", False):
            raise InputError(
                f"{type(tokenizer).__name__} is a slow tokenizer and gives no character offsets; qalens needs a "
                "fast one: AutoTokenizer.from_pretrained(name) loads it where the checkpoint has one."
            )
        added = _added_markers(tokenizer)
        with _panics_as_errors("The tokenizer cannot be used"):
            self.rust = _copy(tokenizer, added)
            self.rust.no_truncation()
            self.rust.no_padding()
            self._learn_template(tokenizer, self.rust.encode("a", "b"))
        # From here on a special token typed in a text is text.
        self.rust.encode_special_tokens = True
        self.unknown_id = tokenizer.unk_token_id
        self.reserved_ids = set(tokenizer.all_special_ids) - {self.unknown_id} - added
        self._recent: dict[str, EncodedText] = {}
        self._strings = _TokenStrings(self.rust)

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

    def _null_token(self, tokenizer: Any) -> int | None:
        specials = set(np.concatenate(self.special_ids).tolist())
        for name in ("cls_token_id", "bos_token_id"):
            token = getattr(tokenizer, name, None)
            if token is not None and token in specials:
                return token
        return None

    def encode(self, text: str) -> EncodedText:
        """Encode one text without special tokens; the most recent encodings are cached.

        Parameters
        ----------
        text : str
            The text to encode.

        Returns
        -------
        EncodedText
            Its N tokens.

        Raises
        ------
        InputError
            For a text on which the tokenizer fails.
        """
        found = self._recent.get(text)
        if found is None:
            with _panics_as_errors("The tokenizer failed on this text"):
                found = EncodedText(self, self.rust.encode(text, add_special_tokens=False))
            self._remember({text: found})
        return found

    def encode_all(self, texts: Iterable[str]) -> dict[str, EncodedText]:
        """Encode many texts together, each different one once.

        Parameters
        ----------
        texts : iterable of str
            The texts.

        Returns
        -------
        dict of str to EncodedText
            By text. Nothing but what is cached if the tokenizer fails on one of them: `encode` then finds which.
        """
        wanted = dict.fromkeys(texts)
        recent = self._recent
        found = {text: recent[text] for text in wanted if text in recent}
        new = [text for text in wanted if text not in found]
        try:
            with _panics_as_errors("The tokenizer failed on these texts"):
                encodings = self.rust.encode_batch(new, add_special_tokens=False)
        except InputError:
            return found
        made = {text: EncodedText(self, encoding) for text, encoding in zip(new, encodings, strict=True)}
        self._remember(made)
        return found | made

    def _remember(self, made: Mapping[str, EncodedText]) -> None:
        short = {text: one for text, one in made.items() if len(text) <= _LONGEST_REMEMBERED}
        recent = list((self._recent | short).items())[-_REMEMBERED:]
        behind = np.cumsum([len(text) for text, _ in reversed(recent)])
        kept = int(np.searchsorted(behind, _CHARACTERS_REMEMBERED, side="right"))
        # One step each, so that threads which share a tokenizer never see half of it.
        self._recent = dict(recent[len(recent) - kept :])

    def text_ids(self, encoding: Any) -> NDArray[np.int64]:
        """The token ids of an encoded text, in which the id of a special token never represents typed text.

        Unigram vocabularies hold "</s>" as an ordinary piece and find it in a text; here it becomes the unknown
        token.

        Parameters
        ----------
        encoding : object
            What `encode` returned.

        Returns
        -------
        ndarray of int64
        """
        told = encoding.ids
        ids = np.array(told, np.int64)
        typed = self.reserved_ids.intersection(told)
        if typed and self.unknown_id is not None:
            ids[np.isin(ids, list(typed))] = self.unknown_id
        return ids

    def token_strings(self, ids: NDArray[np.int64]) -> NDArray[np.object_]:
        """The token strings of ids; an id that the tokenizer does not know becomes `<id>`.

        There is one string object for each distinct id, however often it occurs.

        Parameters
        ----------
        ids : ndarray of int64
            Token ids of any shape.

        Returns
        -------
        ndarray of object
            Strings in the shape of `ids`.
        """
        return self._strings.of(ids)


class _TokenStrings:
    """The string of each token id, asked of the tokenizer when the id is first met."""

    def __init__(self, rust: Any):
        self._rust = rust
        # Both in one attribute, so that threads which share a tokenizer see tables of one size.
        self._tables = np.zeros(0, np.bool_), np.zeros(0, object)

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.object_]:
        known, strings = self._tables
        most = int(ids.max(initial=-1)) + 1
        if most > len(known):
            more = max(most, self._rust.get_vocab_size()) - len(known)
            known, strings = (
                np.append(known, np.zeros(more, np.bool_)),
                np.append(strings, np.zeros(more, object)),
            )
            self._tables = known, strings
        for i in set(ids[~known[ids]].tolist()):
            strings[i] = self._rust.id_to_token(i) or f"<{i}>"
            known[i] = True
        return strings[ids]


def _kept(array: Any) -> Any:
    array.flags.writeable = False
    return array


def _added_markers(tokenizer: Any) -> set[int]:
    """The ids of special tokens that have no office such as [SEP]'s, wherever in the vocabulary they are."""
    offices = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
    held = {getattr(tokenizer, f"{office}_token_id", None) for office in offices}
    return {i for i, token in tokenizer.added_tokens_decoder.items() if token.special and i not in held}


def _copy(tokenizer: Any, added: set[int]) -> Any:
    """The Rust part of a tokenizer once more, in which the `added` special tokens are tokens like all others."""
    from tokenizers import Tokenizer  # what every fast tokenizer is built on

    written = tokenizer.backend_tokenizer.to_str()
    if added:
        parts = json.loads(written)
        for token in parts["added_tokens"]:
            token["special"] &= token["id"] not in added
        written = json.dumps(parts)
    return Tokenizer.from_str(written)


@contextmanager
def _panics_as_errors(said: str) -> Iterator[None]:
    """What a tokenizer raises, as an `InputError`; its Rust code may panic, which is no `Exception`."""
    try:
        yield
    except InputError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        raise InputError(f"{said}: {type(error).__name__}: {error!s:.200}") from error
