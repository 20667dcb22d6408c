from pathlib import Path
from typing import Callable, List, Optional, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_runtime.documents import AnnotatedSpan, Document, DocumentError
from sept_runtime.formats.conll import read_conll

WriteFile = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    def write_file(content: str, name: str = "train.txt", encoding: str = "utf-8") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode(encoding))
        return str(path)

    return write_file


def columns(*sentences: str) -> str:
    """Sentences written "word/tag word/tag" as lines of four columns, each with an empty line."""
    lines: List[str] = []
    for sentence in sentences:
        for pair in sentence.split():
            word, _, tag = pair.rpartition("/")
            lines.append(f"{word}\tNN\tO\t{tag}")
        lines.append("")
    return "\n".join(lines) + "\n"


def read(path: str, limit: int = 200) -> List[Document]:
    return list(read_conll(path, limit))


def entities_of(tags: str, write: WriteFile) -> Optional[List[AnnotatedSpan]]:
    """Return the entities of one sentence with these tags."""
    pairs = (f"w{i}/{tag}" for i, tag in enumerate(tags.split()))
    (document,) = read(write(columns(" ".join(pairs))))
    return document.entities


# Tags and entities ------------------------------------------------------------------------------

TAGS = {
    "nothing": ("O O", []),
    "IOB2": ("O B-X I-X O B-Y", [(1, 2, "X"), (4, 4, "Y")]),
    "IOB2, neighbors": ("B-X I-X B-X B-Y I-Y", [(0, 1, "X"), (2, 2, "X"), (3, 4, "Y")]),
    "IOB1": ("I-X I-X O I-Y", [(0, 1, "X"), (3, 3, "Y")]),
    "IOB1, neighbors of one label": ("I-X I-X B-X I-X", [(0, 1, "X"), (2, 3, "X")]),
    "IOB1, neighbors of two labels": ("I-X I-Y I-Y I-X", [(0, 0, "X"), (1, 2, "Y"), (3, 3, "X")]),
    "mixed": ("B-X I-X O I-X I-Y B-Y", [(0, 1, "X"), (3, 3, "X"), (4, 4, "Y"), (5, 5, "Y")]),
    "B of another label": ("I-X B-Y I-X", [(0, 0, "X"), (1, 1, "Y"), (2, 2, "X")]),
    "hyphens in a label": ("B-cell-line I-cell-line B-cell", [(0, 1, "cell-line"), (2, 2, "cell")]),
    "to the end": ("O I-X", [(1, 1, "X")]),
}


@pytest.mark.parametrize("tags, entities", TAGS.values(), ids=TAGS)
def test_tags_open_and_continue_entities(
    tags: str, entities: List[Tuple[int, int, str]], write: WriteFile
) -> None:
    assert entities_of(tags, write) == entities


def test_an_entity_ends_with_its_sentence(write: WriteFile) -> None:
    (document,) = read(write(columns("a/O b/I-X", "c/I-X d/I-X")))
    assert document.sentences == [["a", "b"], ["c", "d"]]
    assert document.entities == [(1, 1, "X"), (2, 3, "X")]


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs"]), min_size=1, max_size=3)
# Words with the label of the entity that they are, none outside of entities.
STRETCHES = st.tuples(
    # A byte-order mark at the start of a line is taken for one.
    st.lists(WORDS.filter(lambda word: word.strip("\ufeff \u2028\u2029")), min_size=1, max_size=3),
    st.sampled_from([None, "X", "Y", "cell-line"]),
)
SENTENCES = st.lists(STRETCHES, min_size=1, max_size=5)
Stretches = List[Tuple[List[str], Optional[str]]]


def in_columns(sentence: Stretches, scheme: str) -> str:
    """Return a sentence with IOB1 or IOB2 tags."""
    lines = ""
    previous = None
    for words, label in sentence:
        for i, word in enumerate(words):
            opens = i == 0 and (scheme == "IOB2" or label == previous)
            lines += f"{word} {'O' if label is None else ('B-' if opens else 'I-') + label}\n"
        previous = label
    return lines + "\n"


def document_of(key: str, sentences: List[Stretches]) -> Document:
    entities: List[AnnotatedSpan] = []
    start = 0
    for words, label in (stretch for sentence in sentences for stretch in sentence):
        if label is not None:
            entities.append(AnnotatedSpan(start, start + len(words) - 1, label))
        start += len(words)
    return Document(key, [[w for words, _ in s for w in words] for s in sentences], entities)


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2"])
@settings(max_examples=50)
@given(st.lists(st.lists(SENTENCES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_written_predictions_are_read_back(tmp_path_factory, scheme, written) -> None:
    path = tmp_path_factory.mktemp("written") / "train.txt"
    content = ""
    for number, sentences in enumerate(written):
        content += f"-DOCSTART- ({number})\n\n"
        content += "".join(in_columns(sentence, scheme) for sentence in sentences)
    path.write_bytes(content.encode())
    expected = [document_of(str(number), sentences) for number, sentences in enumerate(written)]
    assert read(str(path)) == expected


# Files ------------------------------------------------------------------------------------------

SAME = {
    "as it is": columns("a/O b/B-X", "c/O"),
    "spaces": columns("a/O b/B-X", "c/O").replace("\t", " "),
    "columns aligned with spaces and tabs": "a \t NN   O  O\nb\t\tNN  O B-X\n\nc NN O O\n",
    "two columns": "a O\nb B-X\n\nc O\n",
    "three columns": "a NN O\nb NN B-X\n\nc NN O\n",
    "Windows line ends": columns("a/O b/B-X", "c/O").replace("\n", "\r\n"),
    "white space at the ends of lines": columns("a/O b/B-X", "c/O").replace("\n", " \t\n"),
    "byte order mark": "\ufeff" + columns("a/O b/B-X", "c/O"),
    "many empty lines": "\n\n" + columns("a/O b/B-X", "", "", "c/O") + "\n \n\n",
    "no line end at the end": columns("a/O b/B-X", "c/O").rstrip("\n"),
}


@pytest.mark.parametrize("content", SAME.values(), ids=SAME)
def test_files_may_be_written_in_several_ways(content: str, write: WriteFile) -> None:
    (document,) = read(write(content))
    assert document.sentences == [["a", "b"], ["c"]]
    assert document.entities == [(1, 1, "X")]


def test_words_are_read_unchanged(write: WriteFile) -> None:
    words = ["-LRB-", "5\u00a0mg", "\u03b2-blocker", "\u2028x", "#", "''", "\u200b"]
    (document,) = read(write("".join(f"{word}\tNN\tO\tO\n" for word in words)))
    assert document.words == words


# Documents and contexts -------------------------------------------------------------------------

FIVE_SENTENCES = columns("a/O b/O c/O", "d/O e/O", "f/O g/O h/O i/O j/O k/O", "l/B-X", "m/O n/O")


@pytest.mark.parametrize(
    "limit, words",
    [
        (1, ["abc", "de", "fghijk", "l", "mn"]),
        (4, ["abc", "de", "fghijk", "lmn"]),
        (5, ["abcde", "fghijk", "lmn"]),
        (10, ["abcde", "fghijklmn"]),
        (13, ["abcdefghijkl", "mn"]),
        (14, ["abcdefghijklmn"]),
    ],
)
def test_sentences_without_documents_are_put_together(
    limit: int, words: List[str], write: WriteFile
) -> None:
    documents = read(write(FIVE_SENTENCES), limit)
    assert ["".join(document.words) for document in documents] == words
    assert [document.key for document in documents] == [f"train-{i + 1}" for i in range(len(words))]
    found = [
        document.words[entity.start] for document in documents for entity in document.entities or []
    ]
    assert found == ["l"]


def test_the_origin_of_a_context_is_the_line_of_its_first_word(write: WriteFile) -> None:
    path = write("\n" + FIVE_SENTENCES)
    assert [document.origin for document in read(path, 5)] == [
        f"{path}, line 2",
        f"{path}, line 9",
        f"{path}, line 16",
    ]


def test_documents_are_kept_whole(write: WriteFile) -> None:
    path = write(
        "-DOCSTART- (227)\n\n"
        + columns("a/O b/O", "c/O")
        + "\n-DOCSTART- (228)\n"
        + columns("d/O", "e/I-X").rstrip("\n")
        + "\n-DOCSTART- (229)\n\n"
        + columns("f/I-X g/O")
    )
    documents = read(path, limit=1)
    assert [document.key for document in documents] == ["227", "228", "229"]
    assert [document.sentences for document in documents] == [
        [["a", "b"], ["c"]],
        [["d"], ["e"]],
        [["f", "g"]],
    ]
    assert [document.entities for document in documents] == [[], [(1, 1, "X")], [(0, 0, "X")]]
    assert [document.origin for document in documents] == [
        f"{path}, line {number}" for number in (1, 9, 13)
    ]


def test_sentences_before_the_first_document_are_contexts(write: WriteFile) -> None:
    content = columns("a/O", "b/O") + "-DOCSTART- x\n\n" + columns("c/O", "d/O")
    documents = read(write(content), limit=1)
    assert [(document.key, "".join(document.words)) for document in documents] == [
        ("train-1", "a"),
        ("train-2", "b"),
        ("x", "cd"),
    ]


@pytest.mark.parametrize(
    "line, key",
    [
        ("-DOCSTART- (227508)", "227508"),
        ("-DOCSTART-\t(227508)\tO\tO", "227508"),
        ("-DOCSTART-(227508)", "227508"),
        ("-DOCSTART- 7", "7"),
        ("-DOCSTART- (two words)", "two words"),
        ("-DOCSTART-", "dev-1"),
        ("-DOCSTART-\tO", "dev-1"),
        ("-DOCSTART- -X- -X- O", "dev-1"),
        ("-DOCSTART- -X- O O", "dev-1"),
        ("-DOCSTART- ()", "dev-1"),
    ],
)
def test_the_name_in_a_line_that_begins_a_document(line: str, key: str, write: WriteFile) -> None:
    (document,) = read(write(f"{line}\n\n{columns('a/O')}", name="dev.txt"))
    assert document.key == key


def test_no_two_documents_have_the_same_key(write: WriteFile) -> None:
    names = ["(a)", "", "(a)", "(a-2)", "(train-2)", ""]
    content = "".join(f"-DOCSTART- {name}\n\n{columns('w/O')}" for name in names)
    keys = [document.key for document in read(write(content))]
    assert keys == ["a", "train-1", "a-2", "a-2-2", "train-2", "train-2-2"]


def test_documents_without_words_are_left_out(write: WriteFile) -> None:
    content = "-DOCSTART- 1\n\n-DOCSTART- 2\n\n" + columns("a/O") + "-DOCSTART- 3\n"
    assert [document.key for document in read(write(content))] == ["2"]


def test_contexts_of_a_downloaded_file_are_called_after_its_address(write: WriteFile) -> None:
    path = write(columns("a/O"), name="6f1c")
    for name in ("https://example.org/ner/dev.txt", "sets.tar.gz!dev.txt"):
        (document,) = read_conll(path, name=name)
        assert document.key == "dev-1"
        assert document.origin == f"{name}, line 1"


# Errors -----------------------------------------------------------------------------------------

BAD_LINES = {
    "too few columns": ("b\tO", "expected 4 columns as in {path}, line 3, found 2"),
    "too many columns": ("b\tNN\tO\tO\tO", "expected 4 columns as in {path}, line 3, found 5"),
    "no tag at all": ("b", "expected 4 columns as in {path}, line 3, found 1"),
    "no such tag": ("b\tNN\tO\tDisease", "the tag 'Disease' is neither O nor B- or I- with a lab"),
    "small o": ("b\tNN\tO\to", "the tag 'o' is neither"),
    "without a label": ("b\tNN\tO\tB", "the tag 'B' has no label; give the reader the label"),
    "empty label": ("b\tNN\tO\tI-", "the tag 'I-' has no label; give the reader the label"),
    "BIOES, single": ("b\tNN\tO\tS-X", "the tag 'S-X' belongs to a scheme that marks the ends of"),
    "BIOES, end": ("b\tNN\tO\tE-X", "the tag 'E-X' belongs to a scheme that marks the ends of"),
    "BILOU, unit": ("b\tNN\tO\tU-X", "the tag 'U-X' belongs to a scheme"),
}


@pytest.mark.parametrize("line, fault", BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_refused_with_file_line_and_fault(
    line: str, fault: str, write: WriteFile
) -> None:
    path = write(f"-DOCSTART- (1)\n\n{columns('a/B-X')}{line}\n")
    with pytest.raises(DocumentError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}, line 5: {fault.format(path=path)}")


def test_a_file_of_one_column_is_refused(write: WriteFile) -> None:
    path = write("\nword\n")
    with pytest.raises(DocumentError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}, line 2: expected a word and, as the last column, its tag; found one column"
    )


def test_text_that_is_not_utf8_is_refused(write: WriteFile) -> None:
    path = write("a O\ncaf\u00e9 O\n", encoding="latin-1")
    with pytest.raises(DocumentError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}, line 2: not UTF-8 text")


@pytest.mark.parametrize("content", ["", "\n \n", "-DOCSTART- (1)\n\n-DOCSTART- (2)\n"])
def test_a_file_without_sentences_is_refused(content: str, write: WriteFile) -> None:
    path = write(content)
    with pytest.raises(DocumentError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: the file holds no sentence"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "missing.txt")
    with pytest.raises(DocumentError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: there is no such file"


def test_messages_use_the_name_that_the_caller_has_for_the_file(write: WriteFile) -> None:
    path = write("a b\n")
    with pytest.raises(DocumentError, match="^https://example.org/train.txt, line 1: "):
        list(read_conll(path, name="https://example.org/train.txt"))


def test_words_of_tab_separated_columns_may_hold_spaces(write: WriteFile) -> None:
    path = write("IL-2 gene\tB-DNA\nthe cell\tO\n\u00a0\tO\n\tO\nx y\tB-Cell Line\n")
    (document,) = read_conll(str(path))
    assert document.words == ["IL-2 gene", "the cell", "\u00a0", "", "x y"]
    assert document.entities == [AnnotatedSpan(0, 0, "DNA"), AnnotatedSpan(4, 4, "Cell Line")]


def test_tags_without_a_label_get_the_readers(write: WriteFile) -> None:
    path = write("APC2 B\nprotein I\nis O\nX I-Y\nAPC B\nAPC B\n")
    (document,) = read_conll(str(path), label="Gene")
    assert document.entities == [
        AnnotatedSpan(0, 1, "Gene"),
        AnnotatedSpan(3, 3, "Y"),
        AnnotatedSpan(4, 4, "Gene"),
        AnnotatedSpan(5, 5, "Gene"),
    ]


def test_comments_are_not_words_but_signs_are(write: WriteFile) -> None:
    content = (
        "# id 1a2b domain=bio\nIL-2 _ _ B-DNA\n# a comment that ends in O\n# _ _ O\n"
        "#hashtag\n#1 _ _ I-DNA\n## more ##\ngene _ _ I-DNA\n"
    )
    (document,) = read_conll(str(write(content)))
    assert document.words == ["IL-2", "#", "#1", "gene"]
    assert document.entities == [AnnotatedSpan(0, 0, "DNA"), AnnotatedSpan(2, 3, "DNA")]


def test_medline_lines_begin_documents(write: WriteFile) -> None:
    content = "###MEDLINE:1\n\nIL-2\tB-DNA\ngene\tI-DNA\n\n###MEDLINE:2\n\nA\tO\n"
    documents = list(read_conll(str(write(content))))
    assert [(each.key, each.words) for each in documents] == [
        ("MEDLINE:1", ["IL-2", "gene"]),
        ("MEDLINE:2", ["A"]),
    ]
