import pytest

from sept_runtime.analysis import find_acronyms, fold_name


@pytest.mark.parametrize(
    "text, found",
    [
        ("We use a long short-term memory (LSTM).", {"LSTM": "long short-term memory"}),
        (
            "Convolutional neural networks (CNNs) work.",
            {"CNNs": "Convolutional neural networks"},
        ),
        ("An SVM (support vector machine) is trained.", {"SVM": "support vector machine"}),
        ("a hidden Markov model (HMM; Rabiner, 1989)", {"HMM": "hidden Markov model"}),
        ("mean average precision (mAP)", {"mAP": "mean average precision"}),
        ("named entity recognition (NER) and relation extraction (RE)",
         {"NER": "named entity recognition", "RE": "relation extraction"}),
        ("non-autoregressive neural machine translation (NAT)",
         {"NAT": "non-autoregressive neural machine translation"}),
        ("two kinds of neural machine translation (NAT)", {}),
        ("structure from motion (SfM)", {"SfM": "structure from motion"}),
        ("a phone (iPhone) and trajectory modeling with labels (TrajCL)", {}),
        # Nothing that only stands in parentheses.
        ("It works (see below), mostly (2019).", {}),
        ("Results (Table 1) are good.", {}),
        ("the corpus (English)", {}),
        ("", {}),
        ("(LSTM) first", {}),
    ],
)  # fmt: skip
def test_acronyms_are_found_with_their_long_forms(text, found):
    assert find_acronyms(text) == found


@pytest.mark.parametrize(
    "names",
    [
        ("Support Vector Machines", "support-vector machine", "support  vector\nmachine"),
        ("CNNs", "CNN"),
        ("SUPPORT VECTOR MACHINE", "support vector machine"),
        ("ontologies", "Ontology"),
        ("corpora", "corpus"),
        ("matrices", "matrix"),
        ("classes", "class"),
        ("boxes", "box"),
        ("word embeddings", "word embedding"),
        ("part\u2010of\u2010speech tagging", "part-of-speech tagging"),
        ("analyses", "analysis"),
        ("metrics", "metric"),
    ],
)
def test_spellings_of_one_name_are_the_same(names):
    assert len({fold_name(name) for name in names}) == 1


@pytest.mark.parametrize(
    "one, other",
    [
        ("bias", "bia"),
        ("AWS", "AW"),
        ("loss", "los"),
        ("corpus", "corpu"),
        ("basis", "basi"),
        ("linguistics", "linguistic"),
        ("parser", "parsing"),
        ("model", "module"),
        ("news", "new"),
        ("SCAN", "scans"),
        ("diagnoses", "diagnose"),
    ],
)
def test_different_names_stay_different(one, other):
    assert fold_name(one) != fold_name(other)
