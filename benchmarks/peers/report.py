"""Write `docs/peers.md` from the figures that `run.py` measured."""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

from benchmarks.peers.measures import Figures, Measure, measures

OURS = "sept"
BLANK = ""

HEADER = """\
# Comparison with other tools

The same task on the same machine with the same encoder (MiniLM-L6), each tool with the settings
that its documentation recommends. `make bench-peers` (`python -m benchmarks.peers.run`) writes this
page; every single run is in `docs/results/peers.json`.

"""

NOTES = """
- Data: SciERC, {train_abstracts} abstracts to train on, {dev_abstracts} (its dev split) to
  predict. The raw text is SciERC's words with unescaped brackets, joined by spaces, for all
  tools. Tools that are documented on sentences get sentences, which are split at each separate
  full stop; these are nearly SciERC's own.
- F1: strict micro F1 on the dev split, by characters, with one scorer for all. Every annotated
  entity counts, also those that a tool cannot express (overlaps for tags, over 8 words for
  SpanMarker). One training for each seed ({seeds}); several seeds give mean ± standard deviation.
  The weights are the last ones. The settings of `sept_minilm.jsonnet` were once chosen on this
  dev split (`results.md`); those of the other tools are their defaults. With one seed, a
  difference of a point or two may be chance.
- Text unit: SEPT, spaCy and GLiNER see whole abstracts; the others are documented on sentences
  (SpanMarker can optionally be given neighboring sentences).
- The exported model is that of the same trainings, by `allennlp sept-export`, in an environment
  that `pip install .` makes: ONNX Runtime, float32, no PyTorch.
- GLiNER is trained from the same encoder, by its option `model_name`. Its authors' own model,
  which was trained on other texts and is more often used, is not compared.
- Equal time: {budget_minutes:g} minutes from annotated abstracts in memory to a saved model,
  everything included. Each tool trains as many epochs as fit, with its schedule over these. Tools
  that see the abstracts only once or twice in this time may find nothing yet; the table does not
  say what they reach in the end.
- Predictions: medians of interleaved repeats with all tools loaded. A batch has the tool's own
  text units. Memory is the peak of the process's resident memory, libraries included. "Encoders"
  is the time of the encoder alone for the same abstracts, one after the other, run by
  transformers in SEPT's environment.
- Training epoch: its updates alone, as far as a tool lets them be timed. If it was timed on fewer
  abstracts, the table says on how many, and the time is scaled.
- Cold start: from the start of a process to the entities of one abstract, with cached files.
- Environment: `site-packages` after installing the pinned requirements, with the same PyTorch
  where there is one. SEPT's holds all extras (OpenVINO, Ray, spaCy) and the test tools.
"""


class Goal(NamedTuple):
    """
    A goal for SEPT.

    # Parameters

    measure : `Measure`
    span_based, tagger : `float`, optional
        The advantage to reach over such tools: a ratio, or a difference of F1. `None` for no goal.
    """

    measure: Measure
    span_based: Optional[float]
    tagger: Optional[float]


def render(results: Dict[str, Any]) -> str:
    """Return the page as Markdown."""
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
        "\n## Where another tool is ahead\n\n",
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
    """Return how many times as good ours is, or the difference of F1."""
    if measure.title.startswith("F1"):
        return ours - theirs
    return ours / theirs if measure.more_is_better else theirs / ours


def _others(peers: Dict[str, Figures]) -> Dict[str, Figures]:
    """Return the tools that are not ours."""
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
            verdict = "met" if met else "**the other is ahead**" if loses else "missed"
            yield [measure.title, figures["title"], *shown, verdict]


def _wins(by_name: Dict[str, Measure], peers: Dict[str, Figures]) -> str:
    """Return where a tool is ahead of both of ours, then where it is ahead of only one."""
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
        page += "\nAhead of only one of ours:\n\n" + "".join(elsewhere)
    return page


def _table(header: Sequence[str], rows: Iterator[List[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)
