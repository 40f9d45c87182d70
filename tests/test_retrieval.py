"""Finding documents: BM25 as its formula says, words in any script, an index on disk that holds no code."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from checkpoints import SENTENCES

from qalens.errors import InputError, MissingExtraError, QalensError
from qalens.readings.provenance import Document
from qalens.retrieval import Index, Retriever, retrieve, words_of
from qalens.retrieval import index as index_module

QUERIES = ("Who kept the lamp?", "the storm and the glass", "lamp lamp lamp", "Tobias")


@pytest.fixture(scope="module")
def index():
    return Index.build(SENTENCES)


def bm25(texts: list[str], query: str, k1: float = 1.5, b: float = 0.75) -> list[float]:
    """Lucene's BM25, word by word."""
    words = [Counter(words_of(text)) for text in texts]
    mean = sum(sum(one.values()) for one in words) / len(words)
    scores = []
    for one in words:
        score = 0.0
        for word in words_of(query):
            n = sum(word in other for other in words)
            idf = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
            length = k1 * (1 - b + b * sum(one.values()) / mean)
            score += idf * one[word] / (one[word] + length)
        scores.append(score)
    return scores


@pytest.mark.parametrize("query", QUERIES)
def test_scores_are_those_of_the_formula_and_best_comes_first(index, query):
    scores = bm25(list(SENTENCES), query)
    order = sorted(range(len(SENTENCES)), key=lambda d: (-round(scores[d], 6), d))
    expected = [(SENTENCES[d], scores[d]) for d in order if scores[d] > 0]
    found = index.search(query, 100)
    assert sorted(one.text for one in found) == sorted(text for text, _ in expected)
    assert [one.score for one in found] == pytest.approx([score for _, score in expected], rel=1e-4)
    assert [one.text for one in index.search(query, 3)] == [one.text for one in found[:3]]


def test_documents_keep_their_ids_and_meta():
    given = [{"text": SENTENCES[0], "id": 7, "meta": {"page": 3}}, Document(SENTENCES[4], "b"), ""]
    index = Index.build(iter(given))
    (found,) = index.search("Who kept it?", 5)
    assert (found.text, found.id, dict(found.meta)) == (SENTENCES[0], 7, {"page": 3})
    assert len(index) == 3
    assert index.documents[0].score is None


def test_equal_scores_come_in_the_order_of_the_documents():
    index = Index.build([{"text": "the lamp", "id": k} for k in range(40)])
    assert [one.id for one in index.search("lamp", 12)] == list(range(12))


@pytest.mark.parametrize("query", ["", "  ", "?!", "zeppelin", "\ud800"])
def test_a_query_that_shares_no_word_finds_nothing(index, query):
    assert index.search(query, 3) == ()


@pytest.mark.parametrize("texts", [[""], ["", "  "], ["...", "\x00"], [{"text": None}, ""]])
def test_documents_without_words_are_kept_and_never_found(texts, tmp_path):
    index = Index.build(texts)
    assert index.search("lamp", 3) == ()
    assert len(Index.load(index.save(tmp_path / "index"))) == len(texts)


# --- words ------------------------------------------------------------------------------------------------------

SCRIPTS = {
    "German": ("Die Lampe brannte im Leuchtturm.", "Wer löschte die LAMPE?"),
    "Greek": ("Ο φάρος άναβε κάθε βράδυ.", "Ποιος άναψε τον ΦΆΡΟΣ;"),
    "Russian": ("Ада хранила лампу маяка.", "Кто хранил ЛАМПУ?"),
    "Arabic": ("كانت آدا تحرس المصباح", "من يحرس المصباح؟"),
    "Hebrew": ("עדה שמרה על המנורה", "מי כיבה את המנורה?"),
    "Hindi": ("अदा दीपक की रखवाली करती थी", "दीपक किसने बुझाया?"),
    "Thai": ("เอดาดูแลตะเกียงของประภาคาร", "ใครดูแลตะเกียง"),
    "Chinese": ("阿达守护着灯塔的灯。", "谁守护灯塔?"),
    "Japanese": ("エイダは灯台のランプを守った。", "だれがランプを消した?"),
    "Korean": ("에이다는 등대의 등불을 지켰다", "누가 등불을 껐나?"),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_documents_of_every_script_are_found(script):
    index = Index.build([text for text, _ in SCRIPTS.values()])
    text, query = SCRIPTS[script]
    assert index.search(query, 1)[0].text == text


WORDS = {
    "Ada's lamp-room, 3 times": ["ada", "s", "lamp", "room", "3", "times"],
    "e\u0301te\u0301 été": ["été", "été"],
    "STRASSE Straße": ["strasse", "strasse"],
    "ﬁne ＡＢＣ ①": ["fine", "abc", "1"],
    "snake_case": ["snake", "case"],
    "दीपक": ["दीपक"],
    "灯台": ["灯", "灯台", "台"],
    "灯a台": ["灯", "a", "台"],
    "": [],
    " \n": [],
    "—…": [],
}


@pytest.mark.parametrize(("text", "words"), WORDS.items())
def test_words_are_cut_by_the_rules_of_unicode(text, words):
    assert words_of(text) == words


def test_a_mark_stays_on_its_letter_in_scripts_without_blanks():
    assert words_of("ตะเกียง")[:3] == ["ต", "ตะ", "ะ"]
    assert all(not word.startswith(("\u0e35", "\u0e49")) for word in words_of("ตะเกียงที่นี่"))


# --- on disk ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", QUERIES)
def test_an_index_comes_back_from_disk(index, tmp_path, query):
    again = Index.load(index.save(tmp_path / "deep" / "index"))
    before, after = index.search(query, 20), again.search(query, 20)
    assert [one.text for one in after] == [one.text for one in before]
    assert [one.score for one in after] == [one.score for one in before]


def test_texts_and_ids_come_back_as_they_were(tmp_path):
    given = [
        {"text": "a\u2028lamp\nof 😀\x00", "id": 3, "meta": {"tags": ["é"], "n": None}},
        "Ada \ud800",
    ]
    again = Index.load(Index.build(given).save(tmp_path))
    assert [one.text for one in again.documents] == [given[0]["text"], given[1]]
    assert (again.documents[0].id, again.documents[0].meta) == (3, {"tags": ["é"], "n": None})


@pytest.mark.parametrize(("id", "meta"), [({1, 2}, {}), (None, {"when": object()}), (None, {"x": math.nan})])
def test_what_is_not_fit_for_json_is_refused_with_its_place(tmp_path, id, meta):
    index = Index.build(["Ada", Document("lamp", id, meta)])
    with pytest.raises(
        InputError, match="Document 1 cannot be saved, since its id or meta is not fit for JSON"
    ):
        index.save(tmp_path)


def test_nothing_that_could_run_is_written(index, tmp_path):
    files = [file for file in index.save(tmp_path).rglob("*") if file.is_file() and file.name != "lock"]
    assert {file.suffix for file in files} <= {".json", ".jsonl", ".npy"}
    for file in files:
        if file.suffix == ".npy":
            assert np.load(file, allow_pickle=False).dtype != object


def break_nothing(folder):
    for file in folder.rglob("*"):
        if file.is_file():
            file.unlink()


def break_format(folder):
    (folder / "qalens-index.json").write_text(json.dumps({"format": 99, "documents": 12}))


def part(folder):
    """The folder with the files that count."""
    (found,) = folder.glob("part-*")
    return found


def sign_again(folder):
    """Write the checksums of what is there now, as one who tampers would."""
    told = json.loads((folder / "qalens-index.json").read_text())
    told["sha256"] = index_module._digests(part(folder))
    (folder / "qalens-index.json").write_text(json.dumps(told))


def break_documents(folder):
    file = part(folder) / "documents.jsonl"
    file.write_text(file.read_text().split("\n", 1)[1])


def break_line(folder):
    (part(folder) / "documents.jsonl").write_text("{\n" * 12)


def break_form(folder):
    (part(folder) / "documents.jsonl").write_text('{"text": 7, "id": null, "meta": []}\n' * 12)


def break_depth(folder):
    (part(folder) / "documents.jsonl").write_text("[" * 100_000 + "\n")


def break_counts(folder):
    (part(folder) / "bm25" / "data.csc.index.npy").write_bytes(b"")


def plant_pickle(folder):
    array = np.array([print], dtype=object)
    np.save(part(folder) / "bm25" / "data.csc.index.npy", array, allow_pickle=True)


def plant_number_of_documents(folder):
    file = part(folder) / "bm25" / "params.index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"num_docs": 10**9}))


def plant_places(folder):
    file = part(folder) / "bm25" / "indices.csc.index.npy"
    np.save(file, np.load(file) + 10_000)


def plant_vocabulary(folder):
    file = part(folder) / "bm25" / "vocab.index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"lamp": 10**6}))


def take_other_counts(folder):
    other = Index.build([*SENTENCES, "One more about the lamp."]).save(folder / "other")
    shutil.rmtree(part(folder) / "bm25")
    shutil.copytree(part(other) / "bm25", part(folder) / "bm25")
    shutil.rmtree(other)


def point_elsewhere(folder):
    told = json.loads((folder / "qalens-index.json").read_text())
    (folder / "qalens-index.json").write_text(json.dumps(told | {"part": "../elsewhere"}))


def point_to_a_list(folder):
    (folder / "qalens-index.json").write_text("[]")


def no_json(folder):
    (folder / "qalens-index.json").write_text("[" * 100_000)


DAMAGE = [
    break_nothing, break_format, break_documents, break_line, break_form, break_depth, break_counts, plant_pickle,
    plant_number_of_documents, plant_places, plant_vocabulary, take_other_counts, point_elsewhere, point_to_a_list, no_json,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("is_signed", [False, True])
def test_a_folder_that_holds_no_index_is_refused(index, tmp_path, damage, is_signed):
    damage(index.save(tmp_path))
    if (is_signed and damage.__name__.startswith(("plant", "take"))) or damage in (break_form, break_depth):
        sign_again(tmp_path)
    with pytest.raises(
        InputError, match=r"holds no index that this version of qalens wrote .* Build it again"
    ):
        Index.load(tmp_path)


def test_a_drive_without_locks_is_told_so(index, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(index_module.FileLock, "acquire", refuse)
    with pytest.raises(QalensError, match="cannot be written: FileSystem does not appear to support flock"):
        index.save(tmp_path)


def test_files_that_systems_leave_everywhere_do_no_harm(index, tmp_path):
    inside = part(index.save(tmp_path))
    for folder in (tmp_path, inside, *(file for file in inside.iterdir() if file.is_dir())):
        for name in (".DS_Store", "Thumbs.db", "._documents.jsonl"):
            (folder / name).write_bytes(b"\0")
    assert len(Index.load(tmp_path)) == len(index)
    assert len(Index.load(index.save(tmp_path))) == len(index)


@pytest.mark.parametrize("k", range(40))
def test_a_single_changed_byte_is_found(index, tmp_path, k):
    files = sorted(file for file in part(index.save(tmp_path)).rglob("*") if file.is_file())
    file = files[k % len(files)]
    content = bytearray(file.read_bytes())
    content[(k * 977) % len(content)] ^= 1 << k % 8
    file.write_bytes(content)
    with pytest.raises(InputError, match="its files are not those that were written"):
        Index.load(tmp_path)


def test_an_index_takes_the_place_of_another_in_one_step(index, tmp_path, monkeypatch):
    index.save(tmp_path)
    other = Index.build(["A different text.", "And one more."])
    real = index_module.write_file

    def stopped(path, content):
        if path.name == "qalens-index.json":
            raise KeyboardInterrupt
        return real(path, content)

    monkeypatch.setattr(index_module, "write_file", stopped)
    with pytest.raises(KeyboardInterrupt):
        other.save(tmp_path)
    assert len(Index.load(tmp_path)) == len(index)
    monkeypatch.undo()
    assert len(Index.load(other.save(tmp_path))) == 2
    assert len(list(tmp_path.glob("part-*"))) == 1  # what was left of the stopped one is cleared away


# --- what cannot be indexed or searched -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "There is no document to index"),
        ("Ada kept the lamp.", "documents has to be a list of documents, but is one str"),
        ({"text": "Ada"}, "documents has to be a list of documents, but is one dict"),
        (["Ada", 7], "Document 1 cannot be indexed. A document has to be a str"),
        (["Ada", {"text": 7}], "Document 1 cannot be indexed: its text is of type int"),
    ],
)
def test_what_cannot_be_indexed_is_refused(documents, message):
    with pytest.raises(InputError, match=message):
        Index.build(documents)


@pytest.mark.parametrize("top_k", [0, -1, 2.0, True, None])
def test_a_top_k_that_cannot_work_is_refused(index, top_k):
    message = "top_k has to be a whole number of documents from 1 on"
    with pytest.raises(InputError, match=message):
        index.search("lamp", top_k)
    with pytest.raises(InputError, match=message):
        retrieve(index, "lamp", top_k)


def test_a_query_has_to_be_text(index):
    with pytest.raises(InputError, match="The query has to be a str, but is of type int"):
        index.search(3, 1)


class Given:
    """A retriever that gives what it was given."""

    def __init__(self, *found):
        self.found = found

    def search(self, query, top_k):
        return iter(self.found)


def test_what_a_retriever_gives_is_cut_and_put_in_one_form():
    found = retrieve(Given("Ada", {"text": "lamp", "score": 2}, ("room", np.float32(0.5)), "more"), "Who?", 3)
    assert [(one.text, one.score) for one in found] == [("Ada", None), ("lamp", 2.0), ("room", 0.5)]
    assert isinstance(Given(), Retriever)


@pytest.mark.parametrize(
    ("retriever", "message"),
    [
        (Given(), "The retriever found no document for 'Who\\?'"),
        (
            Given(("Ada", "high")),
            "A retriever gives documents or \\(document, score\\) pairs, but this one gave",
        ),
        (Given(("Ada", 1.0, 2)), "A retriever gives documents or"),
        (Given(7), "A document has to be a str"),
        (["Ada"], "A retriever needs a method search\\(query, top_k\\), and list has none"),
    ],
)
def test_what_is_no_retriever_is_refused(retriever, message):
    with pytest.raises(InputError, match=message):
        retrieve(retriever, "Who?", 3)


def test_a_missing_package_names_the_extra_to_install():
    code = (
        "import sys\nsys.modules['bm25s'] = None\n"
        "from qalens.retrieval import Index\nfrom qalens.errors import MissingExtraError\n"
        "for use in (lambda: Index.build(['Ada']), lambda: Index.load('.')):\n"
        "    try:\n        use()\n    except MissingExtraError as error:\n        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=900
    )
    assert done.stdout.count('pip install "qalens[retrieval]"') == 2
    assert issubclass(MissingExtraError, ImportError)
