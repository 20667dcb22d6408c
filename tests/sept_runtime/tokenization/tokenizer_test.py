import json
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sept_runtime.tokenization import TokenizedText, split_sentences, tokenize

dangerous_words = st.sampled_from(
    [
        *".?!…()[]'\"`,;$~",
        "et",
        "al",
        "e.g",
        "Fig",
        "J",
        "n't",
        "The",
        "the",
        "1",
        "-LRB-",
        "\u200b",
    ]
)


def check_offsets(text: str, result: TokenizedText) -> None:
    words = [word for sentence in result.sentences for word in sentence]
    assert [text[start:end] for start, end in result.offsets] == words
    assert all(word.strip() for word in words)
    assert all(result.sentences)
    reached = 0
    for start, end in [*result.offsets, (len(text), len(text))]:
        assert start >= reached
        between = text[reached:start]
        assert all(c.isspace() or unicodedata.category(c) in ("Cc", "Cf") for c in between)
        reached = end


def sentences_of(text: str):
    result = tokenize(text)
    check_offsets(text, result)
    return [" ".join(sentence) for sentence in result.sentences]


# The words of the one sentence, separated by spaces.
WORDS = {
    "A state-of-the-art F1-score for rigidly-moving and/or 2D/3D objects.": (
        "A state-of-the-art F1-score for rigidly-moving and/or 2D/3D objects ."
    ),
    "encoder- and decoder-based, RGB–NIR": "encoder- and decoder-based , RGB–NIR",
    "92.4% of 12,000 (±0.5%), -96.7 or .01;": "92.4 % of 12,000 ( ± 0.5 % ) , -96.7 or .01 ;",
    "The users' model's data isn't John’s and cannot, can't, won’t be.": (
        "The users ' model 's data is n't John ’s and can not , ca n't , wo n’t be ."
    ),
    "the 1990's they're": "the 1990 's they 're",
    "a \"flat\" list, a ``flat'' list, a “flat” list, a 'flat' list, a `flat' list": (
        "a \" flat \" list , a `` flat '' list , a “ flat ” list , "
        "a ' flat ' list , a ` flat ' list"
    ),
    "shown [12], [3, 4] and {a} (Smith et al., 2019; Doe, 2018).": (
        "shown [ 12 ] , [ 3 , 4 ] and { a } ( Smith et al. , 2019 ; Doe , 2018 ) ."
    ),
    "word(s) of f(x,y)": "word ( s ) of f ( x , y )",
    "C++, C#, .NET, A* and R&D in P@10": "C++ , C# , .NET , A* and R&D in P@10",
    "in $O(n \\log n)$ time, \\textit{fast}, $\\alpha$": (
        "in $ O ( n \\log n ) $ time , \\textit { fast } , $ \\alpha $"
    ),
    "p<0.05, n=10, ~100, $5": "p < 0.05 , n = 10 , ~ 100 , $ 5",
    "at (https://a.org/b?x=1,2&y=~z), www.b.org/c; or a.b+c@d.org, please": (
        "at ( https://a.org/b?x=1,2&y=~z ) , www.b.org/c ; or a.b+c@d.org , please"
    ),
    "lyrics--in music—via...": "lyrics -- in music — via ...",
    "ﬁrst naı\u0308ve α-divergence": "ﬁrst naı\u0308ve α-divergence",
    "non\u00a0breaking\u3000space\ttab": "non breaking space tab",
    "\ufeffzero\u200bwidth \u200b(soft\u00adhyphen)\u200e, \x00 a\x00b": (
        "zero\u200bwidth ( soft\u00adhyphen ) , a\x00b"
    ),
    "(b) the so-called i.i.d. samples w.r.t. noise": (
        "( b ) the so-called i.i.d. samples w.r.t. noise"
    ),
    "\U0001d6fc-stable 𝒪(n)": "\U0001d6fc-stable 𝒪 ( n )",
}


@pytest.mark.parametrize("text", WORDS)
def test_words(text):
    assert sentences_of(text) == [WORDS[text]]


# One rule each: what stands between two spaces, and its words.
CHUNKS = {
    # Anywhere: at the beginning, at the end, between.
    "--a--b--": "-- a -- b --",
    "---a-b": "--- a-b",
    "..a...b..": ".. a ... b ..",
    "…a—b―": "… a — b ―",
    "({[<a>]})": "( { [ < a > ] } )",
    "«a»「b」『c』【d】《e》（f）": "« a » 「 b 」 『 c 』 【 d 】 《 e 》 （ f ）",
    "``a''b\"c“d”e„f": "`` a '' b \" c “ d ” e „ f",
    "甲。乙，丙、丁；戊：己？庚！": "甲 。 乙 ， 丙 、 丁 ； 戊 ： 己 ？ 庚 ！",
    "ا،ب؛ج؟": "ا ، ب ؛ ج ؟",
    "क।": "क ।",
    "$1€2£3¥4": "$ 1 € 2 £ 3 ¥ 4",
    "~a=b≤c≥d≈e≠f±g": "~ a = b ≤ c ≥ d ≈ e ≠ f ± g",
    "a→b←c↔d⇒e∈f": "a → b ← c ↔ d ⇒ e ∈ f",
    # At the ends only.
    ",:?!%`‘a,:?!%`‘": ", : ? ! % ` ‘ a , : ? ! % ` ‘",
    "a:b?c!d%e`f‘g'h’i": "a:b?c!d%e`f‘g'h’i",
    ".a.b.": ".a.b .",
    "-a- +b+ *c* #d# @e@ &f& /g/ _h_ ^i^ |j|": "-a- +b+ *c* #d# @e@ &f& /g/ _h_ ^i^ |j|",
    # Contractions, and apostrophes that are quotes.
    "don't DOn’t ma'am y'all": "do n't DO n’t ma'am y'all",
    "DON'T n't 3n't": "DON'T n't 3n't",
    "a's A'S a’s a'd a'm a'll A'LL a're a've A’VE": (
        "a 's A 'S a ’s a 'd a 'm a 'll A 'LL a 're a 've A ’VE"
    ),
    "a'Ll a'x as'": "a'Ll a'x as '",
    "'s 'S 'll 'em ’tis 'a's'": "'s ' S 'll ' em ’ tis ' a 's '",
    # What follows it makes an apostrophe a quote.
    "'s' 's,": "' s ' ' s ,",
    "don't've": "do n't 've",
    # Between letters only.
    "1,000 a,b 1,b a,1 1,000,a": "1,000 a , b 1 , b a , 1 1,000 , a",
    "1;2 a;b": "1 ; 2 a ; b",
    "learning.The et.[3] a.The 3.The learning.the": (
        "learning . The et . [ 3 ] a.The 3.The learning.the"
    ),
    # Whole once the affixes are off.
    "(http://a.b/(c)=d?e). ftp://x,y www.a;b": "( http://a.b/(c)=d?e ) . ftp://x,y www.a;b",
    "<a=b@c.d>, a@b": "< a=b@c.d > , a@b",
    "3://a=b www.": "3://a = b www .",
    # Affixes are removed again from what infixes separate.
    "LSTM.[4] BERT:[1] CRF?[2] so![3] 95%.(2) 5%—a x,[7] (a.)b don't=can't": (
        "LSTM . [ 4 ] BERT : [ 1 ] CRF ? [ 2 ] so ! [ 3 ] 95 % . ( 2 ) 5 % — a x , [ 7 ] ( a . ) b "
        "do n't = ca n't"
    ),
    "LSTM.The GPT-4.We 95%.In F1.However ASP.Net J.The v.The": (
        "LSTM . The GPT-4 . We 95 % . In F1 . However ASP.Net J.The v.The"
    ),
    "(cannot) Cannot, CANNOT cannot—a": "( can not ) Can not , CANNOT can not — a",
}


@pytest.mark.parametrize("text", CHUNKS)
def test_rules_for_words(text):
    result = tokenize(text)
    check_offsets(text, result)
    assert " ".join(map(" ".join, result.sentences)) == CHUNKS[text]


def test_text_without_white_space_is_split_after_every_200_characters():
    assert tokenize("a" * 401).sentences == [["a" * 200, "a" * 200, "a"]]
    # Each piece has its own affixes.
    assert tokenize("a" * 199 + "--" + "a" * 199).sentences == [["a" * 199 + "-", "-" + "a" * 199]]


SENTENCES = {
    "": [],
    " \n\t\u200b": [],
    "A title without a period": ["A title without a period"],
    "We present X. It works. N-grams": ["We present X .", "It works .", "N-grams"],
    "See, e.g., Fig. 3, Eq. (2) or Sec. IV, i.e. The Map, cf. Smith vs. Jones.": [
        "See , e.g. , Fig. 3 , Eq. ( 2 ) or Sec. IV , i.e. The Map , cf. Smith vs. Jones ."
    ],
    "(resp. Approx. 5, pp. 3-4, p. 5, no. 6)": ["( resp. Approx. 5 , pp. 3-4 , p. 5 , no. 6 )"],
    "The answer is no. I agree. We show the fig. Then": [
        "The answer is no .",
        "I agree .",
        "We show the fig .",
        "Then",
    ],
    # An abbreviation at the end of a sentence.
    "As shown by Smith et al. The method fails.": [
        "As shown by Smith et al.",
        "The method fails .",
    ],
    "Smith et al. (2019), Doe et al. [3] and Roe et al. propose it, etc. We do not.": [
        "Smith et al. ( 2019 ) , Doe et al. [ 3 ] and Roe et al. propose it , etc.",
        "We do not .",
    ],
    "The U.S. Army of the U.S. We agree, Ph.D. students": [
        "The U.S. Army of the U.S.",
        "We agree , Ph.D. students",
    ],
    "We follow approx.": ["We follow approx."],
    # Capitals that are not abbreviations.
    "Text classification and IE. Experiments on MS. Done": [
        "Text classification and IE .",
        "Experiments on MS .",
        "Done",
    ],
    "J. Smith, J.-P. Müller and A. B. Jones of H. Kamp.": [
        "J. Smith , J.-P. Müller and A. B. Jones of H. Kamp ."
    ],
    "In the plane P. The parameter K. Experiments with E. coli in class A.": [
        "In the plane P .",
        "The parameter K .",
        "Experiments with E. coli in class A .",
    ],
    "1. We propose X. 2. We show Y. (3) It works in 2014. End: 1. First this.": [
        "1 . We propose X .",
        "2 . We show Y .",
        "( 3 ) It works in 2014 .",
        "End : 1 . First this .",
    ],
    "3.1. Methods\n\na. Data": ["3.1 . Methods", "a . Data"],
    "Written in C++. It runs on .NET. We reach 92.4%. Version 2.0. Good": [
        "Written in C++ .",
        "It runs on .NET .",
        "We reach 92.4 % .",
        "Version 2.0 .",
        "Good",
    ],
    "What? Yes! And so on… Then?! Good... Well": [
        "What ?",
        "Yes !",
        "And so on …",
        "Then ? !",
        "Good ...",
        "Well",
    ],
    'Why? because. It asks "What?" and says "So." Then (really.) Done': [
        "Why ? because .",
        'It asks " What ? " and says " So . "',
        "Then ( really . )",
        "Done",
    ],
    "The domain experts . '' We": ["The domain experts . ''", "We"],
    "An unknown abbrev. of this. n-gram models. mRNA. α": [
        "An unknown abbrev . of this .",
        "n-gram models .",
        "mRNA . α",
    ],
    "lower case. another one, e.g. this. 3 more": [
        "lower case .",
        "another one , e.g. this .",
        "3 more",
    ],
    "A title\n\nThe text\nruns on. It\r\n \r\nends\u2029Here": [
        "A title",
        "The text runs on .",
        "It",
        "ends",
        "Here",
    ],
    "No space after learning.The end of it.[3] We follow Smith et al.(2019) in Fig.(3).": [
        "No space after learning .",
        "The end of it . [ 3 ]",
        "We follow Smith et al. ( 2019 ) in Fig. ( 3 ) .",
    ],
    # Citations and asides belong to the sentence before them.
    "A neural LSTM. [4] The LSTM.[5] improves it. [6, 7] We train RNNs.[8–10]However, we stop.": [
        "A neural LSTM . [ 4 ]",
        "The LSTM . [ 5 ] improves it . [ 6 , 7 ]",
        "We train RNNs . [ 8–10 ]",
        "However , we stop .",
    ],
    "We test CRF?[2] Yes![3] It is IL-2.(see Fig. 2) The end.(Fig. 3) We stop.": [
        "We test CRF ? [ 2 ]",
        "Yes ! [ 3 ]",
        "It is IL-2 . ( see Fig. 2 )",
        "The end . ( Fig. 3 )",
        "We stop .",
    ],
    "We train LSTMs.[4],[5] The RNN.[4]–[6] They win.[7][8] So.[9], which is [10]. Yes": [
        "We train LSTMs . [ 4 ] , [ 5 ]",
        "The RNN . [ 4 ] – [ 6 ]",
        "They win . [ 7 ] [ 8 ]",
        "So . [ 9 ] , which is [ 10 ] .",
        "Yes",
    ],
    "Two steps. (1) We parse. (2) We tag.(3) We stop.(The code is available in our archive.)": [
        "Two steps .",
        "( 1 ) We parse .",
        "( 2 ) We tag .",
        "( 3 ) We stop .",
        "( The code is available in our archive . )",
    ],
    "In $n!$-element sets O(k.(d+n)^2) holds. So": [
        "In $ n ! $ -element sets O ( k . ( d+n ) ^2 ) holds .",
        "So",
    ],
    # Taxa.
    "Mice given S. Typhimurium or S. Newport had P. syringae pv. Tomato. B. Subtilis did not.": [
        "Mice given S. Typhimurium or S. Newport had P. syringae pv. Tomato .",
        "B. Subtilis did not .",
    ],
    "Bifidobacterium longum subsp. Infantis, ssp. arizonae, f. sp. tritici and Bacillus sp. WP8.": [
        "Bifidobacterium longum subsp. Infantis , ssp. arizonae , f. sp. tritici and "
        "Bacillus sp. WP8 .",
    ],
    "We grew E. coli str. K-12, Candida aff. albicans and L. Monocytogenes (suppl. Fig. 2). So": [
        "We grew E. coli str. K-12 , Candida aff. albicans and L. Monocytogenes "
        "( suppl. Fig. 2 ) .",
        "So",
    ],
    "We found Lactobacillus spp. The rest was Candida spp. Indeed, it grew. Vitamin D. Patients": [
        "We found Lactobacillus spp.",
        "The rest was Candida spp.",
        "Indeed , it grew .",
        "Vitamin D. Patients",
    ],
    # Texts without capitals, whatever names are in them.
    "we grew e. coli and pseudomonas syringae pv. tabaci. growth was low. smith et al. the rest": [
        "we grew e. coli and pseudomonas syringae pv. tabaci .",
        "growth was low .",
        "smith et al.",
        "the rest",
    ],
    "we use mRNA and LSTM. it works on DNA. then that of J. Smith stops.": [
        "we use mRNA and LSTM .",
        "it works on DNA .",
        "then that of J. Smith stops .",
    ],
    "שלום עולם. זה משפט؟ हाँ। 这是句子。另一个！": [
        "שלום עולם .",
        "זה משפט ؟",
        "हाँ ।",
        "这是句子 。",
        "另一个 ！",
    ],
    "Within 5 ms. Ms. Jones on Jan. 5 in St. Louis": [
        "Within 5 ms .",
        "Ms. Jones on Jan. 5 in St. Louis",
    ],
    "E.g. this. Fig. 3 shows. Dr. No": ["E.g. this .", "Fig. 3 shows .", "Dr. No"],
}


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences(text):
    assert sentences_of(text) == SENTENCES[text]


@pytest.mark.parametrize(
    "words, sentences",
    [
        ("", []),
        (".", ["."]),
        ("We win . Do we ? Yes", ["We win .", "Do we ?", "Yes"]),
        ("We grew E . coli in LB .", ["We grew E . coli in LB ."]),
        (
            "Smith et al . did , e.g . , Fig . 3 . Then",
            ["Smith et al . did , e.g . , Fig . 3 .", "Then"],
        ),
        ("`` We win . '' Then we stop .", ["`` We win . ''", "Then we stop ."]),
        ("It ends . -LRB- 1 -RRB- We win .", ["It ends .", "-LRB- 1 -RRB- We win ."]),
        ("We win ( really . ) Then", ["We win ( really . )", "Then"]),
        ("an lstm . [ 4 ] it works .", ["an lstm . [ 4 ]", "it works ."]),
    ],
)
def test_given_words_make_sentences_by_the_same_rules(words, sentences):
    assert [" ".join(sentence) for sentence in split_sentences(words.split())] == sentences


@given(st.lists(st.one_of(dangerous_words, st.text(min_size=1, max_size=3)), max_size=30))
def test_given_words_are_never_changed(words):
    sentences = split_sentences(words)
    assert [word for sentence in sentences for word in sentence] == words
    assert all(sentences)


def test_offsets_are_characters_of_the_text_as_given():
    text = "\ufeff  We\u00a0use 𝒪(n)."
    assert tokenize(text) == TokenizedText(
        sentences=[["We", "use", "𝒪", "(", "n", ")", "."]],
        offsets=[(3, 5), (6, 9), (10, 11), (11, 12), (12, 13), (13, 14), (14, 15)],
    )


def test_unpaired_surrogates_stay_in_the_words():
    text = json.loads(r'"A \ud800-stable (\udfff) model."')
    assert sentences_of(text) == ["A \ud800-stable ( \udfff ) model ."]


def test_text_that_is_already_cut_into_words_keeps_its_words():
    words = (
        "We find , e.g. , that the \" model \" ( of Smith et al. ) is n't 92.4 % 's own .".split()
    )
    assert tokenize(" ".join(words)).sentences == [words]


@pytest.mark.parametrize(
    "piece",
    ["a", "(", ".", "n't", "'", "a.", "a@b.", "http://a/", "\u200b", "\u200b ", "\n", "\n ", " "],
)
def test_time_is_linear_in_the_length(piece):
    text = "x" + piece * (200_000 // len(piece)) + "x"
    # CPU time, which does not depend on what else the machine does.
    started = time.process_time()
    check_offsets(text, tokenize(text))
    # About a second at worst; a rule that starts afresh at each character takes minutes.
    assert time.process_time() - started < 20


def test_more_words_than_the_cache_holds():
    words = [f"w{number}" for number in range(50_000)]
    assert tokenize(" ".join(words)).sentences == [words]
    assert sentences_of("It still works. Yes.") == ["It still works .", "Yes ."]


any_character = st.characters(codec=None)
dangerous = st.sampled_from(
    [*".?!…()[]'\"`,;$~ \n\r", "\n\n", "et al.", "e.g", "Fig. ", "J. ", "n't", "cannot", "\u200b"]
    + ["\ud800", "\udfff", "\u2029", "\x1c", "\x85", "\x00", "http://", "a@b.c", "--", "The", "1."]
)


@given(st.text(any_character))
def test_any_text_keeps_its_characters_and_offsets(text):
    check_offsets(text, tokenize(text))


@given(st.lists(st.one_of(dangerous, st.text(any_character, max_size=3)), max_size=30).map("".join))
def test_combinations_of_the_rules_patterns_keep_characters_and_offsets(text):
    check_offsets(text, tokenize(text))


@given(st.text(st.sampled_from("ab1.(' \u200b"), min_size=150, max_size=450))
def test_long_pieces_keep_characters_and_offsets(text):
    text = text.replace(" ", "") + text
    check_offsets(text, tokenize(text))


@given(st.lists(st.one_of(dangerous, st.text(any_character, max_size=3)), max_size=30).map("".join))
def test_the_width_of_white_space_does_not_matter(text):
    # Line ends do: two make a blank line.
    assert tokenize(text.replace(" ", "\t \xa0")).sentences == tokenize(text).sentences


paragraphs = st.lists(dangerous, max_size=15).map(lambda pieces: "A" + "".join(pieces))


@given(paragraphs, paragraphs)
def test_paragraphs_are_tokenized_independently(first, second):
    both = tokenize(f"{first}\n\n{second}")
    assert both.sentences == tokenize(first).sentences + tokenize(second).sentences


# Without a period, which the words around it may join to an abbreviation.
chunk = st.lists(st.sampled_from([*"abtTns1,;()'’-"]), min_size=1, max_size=8).map("".join)


@given(st.lists(chunk, max_size=8))
def test_tokens_do_not_depend_on_their_neighbors(chunks):
    def words(text):
        return [word for sentence in tokenize(text).sentences for word in sentence]

    assert words(" ".join(chunks)) == [word for chunk in chunks for word in words(chunk)]
