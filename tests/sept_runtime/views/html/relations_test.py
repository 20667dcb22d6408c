from sept_runtime.formats.predictions import prediction_from_json
from sept_runtime.views.html.comparison import compare_relations

WORDS = ["parsers", "taggers", "parsing", "F1"]
LABELS = ["Method", "Method", "Task", "Metric"]


def relations_of(predicted=None, gold=None, entities=(0, 1, 2, 3), symmetric=None):
    """
    Return the compared relations of four words, each of which is an entity. Relations are (head,
    label, tail), predicted ones with a score; `entities` are the predicted ones.
    """
    fields = {"doc_key": "d", "sentences": [WORDS]}
    fields["ner"] = [[[i, i, label] for i, label in enumerate(LABELS)]]
    if gold is not None:
        fields["gold_relations"] = [[[h, h, t, t, label] for h, label, t in gold]]
    if entities is not None:
        fields["entities"] = [
            {"start_word": i, "end_word": i, "label": LABELS[i]} for i in entities
        ]
    if predicted is not None:
        names = ("head", "label", "tail", "score")
        fields["relations"] = [
            {**dict(zip(names, r)), "head": entities.index(r[0]), "tail": entities.index(r[2])}
            for r in predicted
        ]
        fields["predicted_relations"] = [[]]
        fields["symmetric_relation_labels"] = symmetric
    return compare_relations(prediction_from_json(fields))


def compared(*args, **kwargs):
    """Head, label, tail, mark and note of each of `relations_of`."""
    return [
        (WORDS[r.head.start], r.label, WORDS[r.tail.start], r.mark, r.note)
        for r in relations_of(*args, **kwargs)
    ]


def test_label_head_and_tail_must_be_right():
    gold = [(0, "USED-FOR", 2), (1, "USED-FOR", 2), (3, "EVALUATE-FOR", 0), (0, "PART-OF", 1)]
    predicted = [(0, "USED-FOR", 2, 0.9), (1, "PART-OF", 2, 0.8), (0, "EVALUATE-FOR", 3, 0.7)]
    predicted += [(3, "EVALUATE-FOR", 2, 0.6)]
    missed = "missed: only in the gold annotation"
    assert compared(predicted, gold) == [
        ("parsers", "PART-OF", "taggers", "missed", missed),
        ("parsers", "USED-FOR", "parsing", "found", "as in the gold annotation"),
        (
            "parsers",
            "EVALUATE-FOR",
            "F1",
            "wrong",
            "wrong: in the gold annotation it is EVALUATE-FOR, the other way round",
        ),
        (
            "taggers",
            "PART-OF",
            "parsing",
            "wrong",
            "wrong: in the gold annotation it is USED-FOR",
        ),
        ("taggers", "USED-FOR", "parsing", "missed", missed),
        ("F1", "EVALUATE-FOR", "parsers", "missed", missed),
        ("F1", "EVALUATE-FOR", "parsing", "wrong", "wrong: not in the gold annotation"),
    ]


def test_symmetric_relations_are_right_in_either_direction_and_count_once():
    gold = [(0, "CONJUNCTION", 1), (2, "COMPARE", 0)]
    predicted = [(1, "CONJUNCTION", 0, 0.9), (0, "CONJUNCTION", 1, 0.8), (0, "COMPARE", 2, 0.7)]
    marks = [(head, mark) for head, _, _, mark, _ in compared(predicted, gold)]
    assert marks == [("parsers", "found"), ("taggers", "found")]


def test_predictions_say_which_relations_are_symmetric():
    gold = [(0, "SAME-AS", 1), (2, "SAME-AS", 3), (2, "COMPARE", 0)]
    predicted = [(1, "SAME-AS", 0, 0.9), (0, "COMPARE", 2, 0.7)]
    judged = relations_of(predicted, gold, symmetric=["SAME-AS"])
    assert [(r.label, r.mark, r.is_symmetric) for r in judged] == [
        ("COMPARE", "wrong", False),
        ("SAME-AS", "found", True),
        ("COMPARE", "missed", False),
        ("SAME-AS", "missed", True),
    ]
    assert not any(r.is_symmetric for r in relations_of(predicted, gold, symmetric=[]))


def test_relations_of_entities_that_were_not_found_are_missed():
    ((head, _, tail, mark, _),) = compared([], [(0, "USED-FOR", 2)], entities=(0, 1))
    assert (head, tail, mark) == ("parsers", "parsing", "missed")


def test_relations_are_not_compared_without_gold_or_predictions():
    relation = ("parsers", "USED-FOR", "parsing", "unjudged", "")
    assert compared([(0, "USED-FOR", 2, 0.9)], gold=None) == [relation]
    assert compared(None, [(0, "USED-FOR", 2)], entities=None) == [relation]
    # A model that knows of no relations has not missed any.
    assert compared(None, [(0, "USED-FOR", 2)]) == []
