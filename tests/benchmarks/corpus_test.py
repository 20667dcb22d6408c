from benchmarks.peers.corpus import Entity, abstract, bio_tags, entities_of, split_sentences

FIELDS = {
    "sentences": [["We", "train", "-LRB-", "fast", "-RRB-", "."], ["A", "graph", "parser", "."]],
    "ner": [[[1, 1, "Task"]], [[7, 8, "Method"], [7, 7, "Material"]]],
}


def test_the_text_has_brackets_and_the_entities_its_characters():
    made = abstract(FIELDS)
    assert made.text == "We train ( fast ) . A graph parser ."
    assert [(made.text[start:end], label) for start, end, label in made.entities] == [
        ("train", "Task"),
        ("graph parser", "Method"),
        ("graph", "Material"),
    ]


def test_words_have_their_positions():
    made = abstract(FIELDS)
    words = [word for sentence in made.sentences for word in sentence]
    assert [made.text[word.start : word.end] for word in words] == [word.text for word in words]


def test_raw_text_is_split_into_the_sentences_that_it_was_made_of():
    made = abstract(FIELDS)
    assert split_sentences(made.text) == made.sentences


def test_a_full_stop_inside_a_word_ends_no_sentence():
    assert len(split_sentences("Version 2.1 of e.g. parsers ? Yes")) == 2
    assert split_sentences("  ") == []


def test_the_widest_of_overlapping_entities_is_tagged():
    made = abstract(FIELDS)
    assert bio_tags(made.sentences[1], made.entities) == ["O", "B-Method", "I-Method", "O"]


def test_an_adjacent_entity_begins_with_b():
    sentence = abstract(FIELDS).sentences[0]
    entities = [Entity(0, 2, "Task"), Entity(3, 8, "Task")]
    assert bio_tags(sentence, entities)[:3] == ["B-Task", "B-Task", "O"]


def test_tags_are_read_back_as_the_entities_they_were_made_of():
    made = abstract(FIELDS)
    tags = [bio_tags(sentence, made.entities) for sentence in made.sentences]
    found = [
        entity
        for words, its_tags in zip(made.sentences, tags)
        for entity in entities_of(words, its_tags)
    ]
    # The graph inside of the graph parser has no tag.
    assert found == [made.entities[0], made.entities[1]]


def test_inconsistent_tags():
    (words,) = split_sentences("a b c d e f")
    tags = ["I-X", "I-X", "I-Y", "B-Y", "O", "I-Y"]
    assert entities_of(words, tags) == [
        Entity(0, 3, "X"),
        Entity(4, 5, "Y"),
        Entity(6, 7, "Y"),
        Entity(10, 11, "Y"),
    ]
