"""Different spellings of one name: acronyms, plurals, hyphens and case."""

import re
import unicodedata
from functools import lru_cache
from typing import Dict, Optional

# A short form has 2 to 10 characters in at most 2 words, begins with a letter or digit, and has a
# letter (Schwartz and Hearst 2003, section 3.1).
_PARENTHESIS = re.compile(r"\(([^()]{2,80})\)")
_MAX_SHORT = 10
_DASHES = re.compile(r"[\u2010-\u2015\u2212_/-]+")
_SPACES = re.compile(r"\s+")
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
        # What follows a separator is a remark: "(LSTM; Hochreiter and Schmidhuber, 1997)".
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
        and any(character.isalpha() for character in text)
        # An acronym has a capital; "(e.g.)" and "(see below)" have none.
        and any(character.isupper() for character in text)
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
    for number in range(len(letters) - 1, -1, -1):
        position -= 1
        while position >= 0 and not (
            candidate[position].lower() == letters[number]
            # The first letter must begin a word.
            and (number > 0 or position == 0 or not candidate[position - 1].isalnum())
        ):
            position -= 1
        if position < 0:
            return None
    long_form = candidate[candidate.rfind(" ", 0, position + 1) + 1 :].strip(" \"'([")
    is_longer = len(long_form) > len(short)
    return long_form if is_longer and short not in long_form.split() else None


@lru_cache(maxsize=2**16)
def fold_name(name: str) -> str:
    """
    Return the form that spellings of one name share.

    Case, hyphens, quotes and white space are leveled, and the last word is made singular: "Support
    Vector Machines" and "support-vector machine" have the same form.
    """
    name = unicodedata.normalize("NFKC", name).translate(_QUOTES)
    # "CNNs" is the plural of "CNN"; "AWS" is no plural.
    name = re.sub(r"\b([A-Z]{2,})s\b", r"\1", name)
    words = _SPACES.split(_DASHES.sub(" ", name).strip())
    # Capitals alone are an acronym.
    if not (words[-1].isupper() and len(words[-1]) > 1):
        words[-1] = _singular(words[-1].casefold())
    return " ".join(words).casefold()


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
