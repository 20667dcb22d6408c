import json

from hypothesis import given, settings
from hypothesis import strategies as st

from sept_runtime.formats.predictions import PredictedDocument
from sept_runtime.formats.scierc import document_to_scierc
from tests.sept_runtime.formats.brat.folders import KEYS, gold, there_and_back
from tests.sept_runtime.formats.drawn import TEXT, documents

ANNOTATION = ("ner", "relations")


@settings(max_examples=150)
@given(st.lists(documents(keys=TEXT | st.sampled_from(KEYS)), min_size=1, max_size=4))
def test_there_and_back_is_exact(tmp_path_factory, originals):
    folder = tmp_path_factory.mktemp("brat") / "b"
    read = there_and_back([PredictedDocument(document, None) for document in originals], folder)
    # Through JSON, as the command writes it.
    read, originals = json.loads(json.dumps([read, list(map(document_to_scierc, originals))]))
    assert len(read) == len(originals)
    for before, after in zip(originals, read, strict=True):
        assert {name: after[name] for name in before} == before
        assert [name in after for name in ANNOTATION] == [name in before for name in ANNOTATION]
        # Also a text made up here is such that the offsets point at the words.
        starts_and_ends = after["word_offsets"]
        surfaces = [after["text"][start:end] for start, end in starts_and_ends]
        assert surfaces == [word for sentence in before["sentences"] for word in sentence]


def test_sentences_words_and_missing_annotation_survive(tmp_path):
    documents = [
        gold("empty", [], []),
        gold("empty sentences", [[], ["a"], []], [(0, 0, "T")]),
        gold("not annotated", [["a"]], None),
        gold("nothing found", [["a"]], []),
        gold("odd words", [["New York", "a\nb", " c"]], [(1, 1, "T"), (0, 2, "U"), (2, 2, "T")]),
    ]
    read = there_and_back(documents, tmp_path / "b")
    for before, after in zip(documents, read, strict=True):
        assert after["doc_key"] == before.document.key
        assert after["sentences"] == before.document.sentences
    assert [d.get("ner") for d in read] == [
        [],
        [[], [[0, 0, "T"]], []],
        None,
        [[]],
        [[[1, 1, "T"], [0, 2, "U"], [2, 2, "T"]]],
    ]
