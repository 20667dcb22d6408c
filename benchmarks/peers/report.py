"""Makes the table in `docs/peers.md` of the figures that `run.py` has measured."""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

from benchmarks.peers.measures import Figures, Measure, measures

OURS = "sept"
BLANK = ""

HEADER = """\
# Side by side

What a user could install instead, doing the same work on the same machine with the same encoder
(MiniLM-L6), each at the settings that its own documentation recommends. Written by
`make bench-peers` (`python -m benchmarks.peers.run`); every single run is in
`docs/results/peers.json`.

"""

NOTES = """
- Data: SciERC, {train_abstracts} abstracts to train on, {dev_abstracts} (its dev split) to predict.
  The raw text is SciERC's words, brackets unescaped, joined by spaces, the same for all. Peers
  documented on sentences get sentences, split where a full stop stands alone, which finds
  SciERC's own all but exactly.
- F1: strict micro F1 on the dev split, from characters, one scorer for all. Every annotated entity
  counts, those that a peer cannot express (overlaps for tags, over 8 words for SpanMarker) too. One
  training for each seed ({seeds}); where there are several, mean ± standard deviation. The last
  weights, no epoch chosen on the dev split. But the settings of `sept_minilm.jsonnet` (batch,
  averaging, dropout, no overlaps) were once chosen by SciERC's dev split (`results.md`), and those
  of the peers are their defaults. Of one seed, a difference of a point or two may be chance.
- Ours sees a whole abstract at once, and so do spaCy's and GLiNER; the others are documented on
  sentences (SpanMarker can be given the sentences around, as an option).
- The exported model is SEPT's, of the same trainings, by `allennlp sept-export`, in an environment
  that `pip install .` makes: ONNX Runtime, float32, no PyTorch.
- GLiNER is trained from the same encoder as the others, by its configuration's `model_name`. It is
  more often used with a model that its authors trained on other texts; that is not compared.
- Equal time: {budget_minutes:g} minutes from annotated abstracts in memory to a saved model,
  everything in between included. Each trains as many epochs as fit, with its schedule over these.
  A peer that has seen the abstracts once or twice by then may have found nothing yet, and what it
  would reach in the end the table does not say.
- Predictions: medians of interleaved repeats, all peers loaded. A batch is the peer's own batch
  size, in the text units of the first table. Memory is the process's peak of resident memory,
  libraries included. "Encoders" are the time that the encoder alone takes for the same abstracts,
  one after the other, run by transformers in SEPT's environment, in turn with the peers.
- An epoch: its updates alone, as far as each lets them be timed, without loading the encoder and
  saving the model; where it is of fewer abstracts than there are, the table says of how many and
  scales the time.
- Cold start: from the start of a fresh process to the entities of one abstract, the files in the
  operating system's cache.
- Environment: `site-packages` as the pinned requirements install it, with the same PyTorch where
  there is one. That of SEPT holds all extras (OpenVINO, Ray, spaCy) and the test tools, too.
"""


class Goal(NamedTuple):
    """
    # Parameters

    measure : `Measure`
    span_based, tagger : `float`, optional
        What ours is to reach against such a peer; none where nothing was asked for. Ratios in
        favor of ours, or, of an F1, the difference.
    """

    measure: Measure
    span_based: Optional[float]
    tagger: Optional[float]


def render(results: Dict[str, Any]) -> str:
    """The whole page, in Markdown."""
    settings, peers = results["settings"], results["peers"]
    by_name = measures(results)
    sections = [
        HEADER,
        "Machine: {processor}, {cores} cores, {memory_gib} GiB, Python {python}.\n\n".format(
            **results["machine"]
        ),
        _table(
            ["", *(figures["title"] for figures in peers.values())],
            _rows(by_name, list(peers.values())),
        ),
        "\n## Goals\n\n",
        _table(["what", "against", "reached", "goal", ""], _goals(by_name, peers)),
        "\n## Where a peer wins\n\n",
        _wins(by_name, peers),
        "\n## How it was measured\n",
        NOTES.format(
            budget_minutes=settings["budget_seconds"] / 60, seeds=_seeds(peers), **settings
        ),
    ]
    return "".join(sections)


def _seeds(peers: Dict[str, Figures]) -> str:
    runs = [
        run
        for figures in peers.values()
        for name in ("equal", "recommended")
        for run in figures.get(name, [])
    ]
    return ", ".join(str(seed) for seed in sorted({run["seed"] for run in runs}))


def _rows(by_name: Dict[str, Measure], everyone: List[Figures]) -> Iterator[List[str]]:
    yield ["versions", *(_versions(figures) for figures in everyone)]
    yield ["text unit", *(figures["unit"] for figures in everyone)]
    for name, measure in by_name.items():
        yield [measure.title, *(_cell(name, measure, figures) for figures in everyone)]


def _cell(name: str, measure: Measure, figures: Figures) -> str:
    if name == "epoch" and figures.get("trained_by"):
        return "(trained by the first)"
    return measure.cell(figures)


def _versions(figures: Figures) -> str:
    return ", ".join(f"{name} {number}" for name, number in figures.get("versions", {}).items())


def _advantage(measure: Measure, ours: float, theirs: float) -> float:
    """How many times as good ours is; of an F1, by how much it is higher."""
    if measure.title.startswith("F1"):
        return ours - theirs
    return ours / theirs if measure.more_is_better else theirs / ours


def _others(peers: Dict[str, Figures]) -> Dict[str, Figures]:
    """What is not ours."""
    return {
        name: figures
        for name, figures in peers.items()
        if OURS not in (name, figures.get("trained_by"))
    }


def _goals(by_name: Dict[str, Measure], peers: Dict[str, Figures]) -> Iterator[List[str]]:
    goals = [
        Goal(by_name["speed_1"], span_based=3.0, tagger=1.0),
        Goal(by_name["speed_32"], span_based=3.0, tagger=1.0),
        Goal(by_name["epoch"], span_based=1.5, tagger=None),
        Goal(by_name["equal"], span_based=0.01, tagger=0.01),
    ]
    for measure, span_based, tagger in goals:
        for figures in _others(peers).values():
            least = span_based if figures["span_based"] else tagger
            if least is None or OURS not in peers:
                continue
            ours, theirs = measure.value(peers[OURS]), measure.value(figures)
            if ours is None or theirs is None:
                yield [measure.title, figures["title"], BLANK, BLANK, "not measured"]
                continue
            reached = _advantage(measure, ours, theirs)
            # Fractions of entities rarely subtract to exactly a hundredth.
            met = reached >= least - 1e-9
            if measure.title.startswith("F1"):
                shown = [f"{reached:+.3f}", f"at least {least:+.2f}"]
                loses = reached < 0
            else:
                shown = [f"{reached:.2f} ×", f"at least {least:.1f} ×"]
                loses = reached < 1
            verdict = "met" if met else "**the peer wins**" if loses else "missed"
            yield [measure.title, figures["title"], *shown, verdict]


def _wins(by_name: Dict[str, Measure], peers: Dict[str, Figures]) -> str:
    """Where a peer is better than all that is ours, then where it is better than some of it."""
    ours = {name: figures for name, figures in peers.items() if name not in _others(peers)}
    everywhere, elsewhere = [], []
    for measure in by_name.values():
        for figures in _others(peers).values():
            theirs = measure.value(figures)
            measured = {
                each["title"]: value
                for each in ours.values()
                if (value := measure.value(each)) is not None
            }
            if theirs is None or not measured:
                continue
            lost = [
                theirs > own if measure.more_is_better else theirs < own
                for own in measured.values()
            ]
            against = ", ".join(f"{title} {measure.text(own)}" for title, own in measured.items())
            line = f"- {measure.title}: {figures['title']} {measure.text(theirs)}; {against}\n"
            if all(lost):
                everywhere.append(line)
            elif any(lost):
                elsewhere.append(line)
    page = "".join(everywhere) or "Nowhere.\n"
    if elsewhere:
        page += "\nAgainst one of ours and not the other:\n\n" + "".join(elsewhere)
    return page


def _table(header: Sequence[str], rows: Iterator[List[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)
