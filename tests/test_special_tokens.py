"""Special tokens that a checkpoint was trained with are read; those with a role, typed by a user, stay text."""

from __future__ import annotations

import pytest
from tokenizers import AddedToken, models

from qalens.reader import Reader
from qalens.testing import toy_model, toy_tokenizer
from qalens.text.pair_tokenizer import PairTokenizer
from qalens.text.windows import Role, make_windows

TYPED = ["[SEP]", "[CLS]", "[MASK]", "[PAD]"]


def add_one_of_the_vocabulary(tokenizer):
    """As [unused1] of BERT becomes a marker: it had its place among the words before."""
    rust = tokenizer.backend_tokenizer
    words = rust.get_vocab(with_added_tokens=False)
    rust.model = models.WordPiece({**words, "<ent>": len(words)}, unk_token="[UNK]")
    tokenizer.add_tokens(["<ent>"], special_tokens=True)
    assert tokenizer.convert_tokens_to_ids("<ent>") < rust.get_vocab_size(with_added_tokens=False)


MARKS = {
    "special": lambda tokenizer: tokenizer.add_tokens(["<ent>"], special_tokens=True),
    "additional": lambda tokenizer: tokenizer.add_special_tokens({"additional_special_tokens": ["<ent>"]}),
    "of the vocabulary": add_one_of_the_vocabulary,
    "an added word": lambda tokenizer: tokenizer.add_tokens(["<ent>"]),
    "that takes the blank before it": lambda tokenizer: tokenizer.add_tokens(
        [AddedToken("<ent>", lstrip=True, special=True)], special_tokens=True
    ),
}


@pytest.mark.parametrize("add", MARKS.values(), ids=list(MARKS))
def test_what_a_checkpoint_adds_is_its_vocabulary(add):
    tokenizer = toy_tokenizer()
    add(tokenizer)
    id = tokenizer.convert_tokens_to_ids("<ent>")
    model = toy_model()
    model.resize_token_embeddings(len(tokenizer))
    context = "Ada <ent> kept [SEP] the lamp."
    reading = Reader(model, tokenizer).read("Who <ent>?", context)
    ids, role = reading.windows.model_inputs["input_ids"][0], reading.windows.role[0]
    assert [(int(role[k])) for k in range(len(ids)) if ids[k] == id] == [Role.QUESTION, Role.CONTEXT]
    place = next(k for k in range(len(ids)) if ids[k] == id and role[k] == Role.CONTEXT)
    start, end = reading.windows.offsets[0, place].tolist()
    assert context[start:end].strip() == "<ent>"


@pytest.mark.parametrize("typed", TYPED)
def test_what_has_a_role_stays_text_where_it_is_typed(typed):
    tokenizer = toy_tokenizer()
    MARKS["special"](tokenizer)
    windows = make_windows(PairTokenizer(tokenizer), f"Who {typed}?", f"Ada {typed} kept <ent> it.")
    inside = (windows.role == Role.CONTEXT) | (windows.role == Role.QUESTION)
    assert tokenizer.convert_tokens_to_ids(typed) not in windows.model_inputs["input_ids"][inside].tolist()


def test_the_tokenizer_itself_stays_as_it_was():
    tokenizer = toy_tokenizer()
    MARKS["special"](tokenizer)
    before = tokenizer.backend_tokenizer.to_str()
    PairTokenizer(tokenizer).encode("Ada <ent>")
    assert tokenizer.backend_tokenizer.to_str() == before
