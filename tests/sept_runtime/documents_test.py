from sept_runtime.documents import Document


def test_words_and_their_sentences():
    document = Document("A-1", [["We", "train"], [], ["It", "works", "."]])
    assert document.words == ["We", "train", "It", "works", "."]
    assert document.sentence_ids == [0, 0, 2, 2, 2]


def test_a_document_is_described_by_its_key_and_where_it_was_read():
    assert Document("A-1", []).describe() == "document 'A-1'"
    assert Document("A-1", [], origin="x, line 3").describe() == "x, line 3: document 'A-1'"


def test_the_origin_of_a_document_does_not_matter():
    assert Document("A-1", [["a"]], origin="here") == Document("A-1", [["a"]], origin="there")
