"""Different spellings of one name: acronyms, plurals, hyphens and case."""

import re
import unicodedata
from functools import lru_cache
from typing import Dict, List, Optional

# A short form has 2 to 10 characters in at most 2 words and begins with a letter or digit (Schwartz
# and Hearst 2003, section 3.1).
_PARENTHESIS = re.compile(r"\(([^()]{2,80})\)")
_MAX_SHORT = 10
_DASHES = re.compile(r"[\u2010-\u2015\u2212_/-]+")
_SPACES = re.compile(r"\s+")
_BRACKETS = " \"'([\u201c\u201d"
_WORD_STARTS = re.compile(r"[^\W_]+")
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"'})

# Words that end in "s" and are singular, beside those in "ss", "us" and "is".
_SINGULAR = frozenset(
    "alias always apparatus as atlas bias canvas chaos class gas has its kudos lens less loss "
    "mathematics means news physics plus pos process progress series species this thus virus "
    "was yes aws bayes hidden-markov-models ios sas sms ws".split()
)
_SINGULAR_ENDINGS = ("ss", "us", "is", "ics", "'s")
_IRREGULAR = {
    "analyses": "analysis",
    "bases": "base",
    "corpora": "corpus",
    "criteria": "criterion",
    "diagnoses": "diagnosis",
    "data": "data",
    "heuristics": "heuristic",
    "hypotheses": "hypothesis",
    "indices": "index",
    "matrices": "matrix",
    "metrics": "metric",
    "ontologies": "ontology",
    "phenomena": "phenomenon",
    "statistics": "statistic",
    "syntheses": "synthesis",
    "topics": "topic",
    "vertices": "vertex",
    "characteristics": "characteristic",
}


def find_acronyms(text: str) -> Dict[str, str]:
    """
    Return the acronyms that a text introduces, with their long forms.

    The algorithm is that of Schwartz and Hearst (2003, "A simple algorithm for identifying
    abbreviation definitions in biomedical text"), for "long form (SF)" and "SF (long form)". An
    acronym that is introduced twice keeps its first long form.
    """
    found: Dict[str, str] = {}
    for match in _PARENTHESIS.finditer(text):
        # Text after a separator is a remark: "(LSTM; Hochreiter and Schmidhuber, 1997)".
        inside = re.split(r"[;,]\s", match.group(1), maxsplit=1)[0].strip()
        before = text[: match.start()].rstrip()
        if _is_short_form(inside):
            long_form = _long_form(inside, before)
            if long_form is not None:
                found.setdefault(inside, long_form)
            continue
        short = before.rsplit(None, 1)[-1] if before else ""
        if _is_short_form(short) and _long_form(short, inside) == inside:
            found.setdefault(short, inside)
    return found


def _is_short_form(text: str) -> bool:
    return (
        2 <= len(text) <= _MAX_SHORT
        and len(text.split()) <= 2
        and text[0].isalnum()
        # "(e.g.)" and "(see below)" have no capitals, and "(English)" has one.
        and sum(character.isupper() for character in text) > 1
    )


def _long_form(short: str, before: str) -> Optional[str]:
    """Find the shortest end of `before` that contains the letters of `short` in order."""
    letters = [character.lower() for character in short if character.isalnum()]
    # A plural acronym stands for a plural: "convolutional neural networks (CNNs)".
    if short.endswith("s") and short[:-1].isupper():
        letters = letters[:-1]
    words = before.split()
    max_words = min(len(letters) + 5, len(letters) * 2)
    candidate = " ".join(words[-max_words:])
    # A sentence or another parenthesis ends the search.
    candidate = re.split(r"[.;:!?)(]\s", candidate)[-1]
    position = len(candidate)
    for letter in reversed(letters[1:]):
        position = candidate.lower().rfind(letter, 0, max(position, 0))
    # The first letter must begin a word.
    while position > 0:
        position = candidate.lower().rfind(letters[0], 0, position)
        if position >= 0 and (position == 0 or not candidate[position - 1].isalnum()):
            long_form = candidate[candidate.rfind(" ", 0, position + 1) + 1 :].strip(_BRACKETS)
            if _stands_for(letters, short, long_form):
                return long_form
    return None


def _stands_for(letters: List[str], short: str, long_form: str) -> bool:
    if len(long_form) <= len(short) or short in long_form.split():
        return False
    # With a word for each letter, each letter should begin one: "neural machine translation" is not
    # what NAT stands for.
    initials = [word[0].lower() for word in _WORD_STARTS.findall(long_form)]
    if len(initials) == len(letters):
        return initials == letters
    # Beside small letters, capitals begin words: "structure from motion (SfM)".
    if short.rstrip("s").isupper():
        return True
    remaining = iter(initials)
    return all(letter.lower() in remaining for letter in short if letter.isupper())


@lru_cache(maxsize=2**16)
def fold_name(name: str) -> str:
    """
    Return the form that spellings of one name share.

    Case, hyphens, quotes and white space are leveled, and the last word is made singular: "Support
    Vector Machines" and "support-vector machine" have the same form. Acronyms keep their capitals.
    """
    name = unicodedata.normalize("NFKC", name).translate(_QUOTES)
    # "CNNs" is the plural of "CNN"; "AWS" is no plural.
    name = re.sub(r"\b([A-Z]{2,})s\b", r"\1", name)
    words = _SPACES.split(_DASHES.sub(" ", name).strip())
    # Capitals alone are an acronym: SCAN is no scan. A text in nothing but capitals shouts.
    shouts = len(words) > 1 and name.isupper()
    folded = [
        word if word.isupper() and len(word) > 1 and not shouts else word.casefold()
        for word in words
    ]
    if not folded[-1].isupper():
        folded[-1] = _singular(folded[-1])
    return " ".join(folded)


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or not word.endswith("s") or word in _SINGULAR:
        return word
    if word.endswith(_SINGULAR_ENDINGS):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    return word[:-1]
