from hypothesis import given, settings
from hypothesis import strategies as st

from sept_runtime.documents import Document
from sept_runtime.views.html.comparison import JudgedEntity
from sept_runtime.views.html.layout import lay_out, words_and_gaps

WORDS = [f"w{i}" for i in range(9)]


@st.composite
def entity_lists(draw):
    span = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(sorted).map(tuple)
    label = st.sampled_from(["Task", "OtherScientificTerm"])
    return [JudgedEntity(*span, draw(label)) for span in sorted(draw(st.sets(span, max_size=8)))]


def characters_of(pieces):
    """Each character of the text with the entities whose elements are open at it."""
    is_open = []
    characters = []
    for closes, opens, text in pieces:
        assert closes <= len(is_open)
        is_open = is_open[: len(is_open) - closes] + [opening.entity for opening in opens]
        characters += [(character, set(is_open)) for character in text]
    assert not is_open, "every element is closed"
    return characters


@settings(deadline=None)
@given(entity_lists())
def test_elements_hold_just_the_words_of_their_entities(entities):
    characters = characters_of(lay_out(words_and_gaps(Document("", [WORDS])), entities))
    assert "".join(character for character, _ in characters) == " ".join(WORDS)
    # Words and the spaces between them take turns: "w0" is 0 to 1, " " is 2, "w1" is 3 to 4.
    for index, (_, open_here) in enumerate(characters):
        expected = {e for e in entities if 3 * e.start <= index <= 3 * e.end + 1}
        assert open_here == expected


@settings(deadline=None)
@given(entity_lists())
def test_each_entity_begins_once_and_has_its_own_row(entities):
    openings = [
        o for piece in lay_out(words_and_gaps(Document("", [WORDS])), entities) for o in piece.opens
    ]
    assert sorted(o.entity for o in openings if o.is_first) == sorted(entities)
    row_of = {}
    for opening in openings:
        assert row_of.setdefault(opening.entity, opening.row) == opening.row >= 1
    for one in entities:
        for other in entities:
            if one != other and one.start <= other.end and other.start <= one.end:
                assert row_of[one] != row_of[other]


def rows(words, *entities):
    document = Document("", [words.split()])
    judged = [JudgedEntity(*entity) for entity in entities]
    openings = [
        opening for piece in lay_out(words_and_gaps(document), judged) for opening in piece.opens
    ]
    return {(o.entity.start, o.entity.end): o.row for o in openings}


def test_the_inner_entity_is_nearer_to_the_text():
    entities = [(1, 4, "Method"), (1, 3, "Task"), (4, 4, "Generic")]
    assert rows("a named entity recognition model", *entities) == {(1, 4): 2, (1, 3): 1, (4, 4): 1}


def test_a_label_that_is_wider_than_its_entity_takes_its_row_from_the_next():
    entities = [(0, 0, "OtherScientificTerm"), (2, 2, "OtherScientificTerm")]
    assert rows("advice on grammars", *entities) == {(0, 0): 1, (2, 2): 2}
    entities = [(0, 0, "A"), (2, 2, "A")]
    assert rows("advice on grammars", *entities) == {(0, 0): 1, (2, 2): 1}


def test_the_text_keeps_its_own_spaces():
    document = Document(
        "", [["On", "-LRB-", "x", ","], ["y", ")"]], text="On (x,\ny )",
        offsets=[(0, 2), (3, 4), (4, 5), (5, 6), (7, 8), (9, 10)],
    )  # fmt: skip
    text = "".join(
        c for c, _ in characters_of(lay_out(words_and_gaps(document), [JudgedEntity(2, 4, "A")]))
    )
    assert text == "On (x,\ny )"
