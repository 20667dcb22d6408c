from sept_runtime.documents import Document
from sept_runtime.tokenization.words import restore_brackets, with_joined_text, without_surrogates


def test_words_are_spelled_as_an_author_types_them():
    words = ["F1", "-LRB-", "-LSB-", "-LCB-", "x", "-RCB-", "-RSB-", "-RRB-", "-lrb-", "LRB"]
    natural = ["F1", "(", "[", "{", "x", "}", "]", ")", "-lrb-", "LRB"]
    assert restore_brackets(words) == natural


def test_half_a_character_becomes_the_replacement_character():
    assert without_surrogates("a\ud800b\U0001f600") == "a\ufffdb\U0001f600"
    assert restore_brackets(["\udfff"]) == ["\ufffd"]


def test_words_are_joined_to_a_text_if_there_is_none():
    document = with_joined_text(Document("d", [["ab", "c"], [], ["d"]]))
    assert document.text == "ab c d"
    assert document.offsets == [(0, 2), (3, 4), (5, 6)]
    given = Document("d", [["a", "b"]], text="a  b")
    assert with_joined_text(given) is given
