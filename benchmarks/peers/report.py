"""Makes the table in `docs/peers.md` of the figures that `run.py` has measured."""

from statistics import median
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

Figures = Dict[str, Any]

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
  training each (seed {seed}), the last weights, no epoch chosen on the dev split. But the settings
  of `sept_minilm.jsonnet` (batch, averaging, dropout, no overlaps) were once chosen by SciERC's dev
  split (`results.md`), and those of the peers are their defaults. A difference of a point or two
  may be chance.
- Ours sees a whole abstract at once, and so does spaCy's; the others are documented on sentences
  (SpanMarker can be given the sentences around, as an option).
- Equal time: {budget_minutes:g} minutes from annotated abstracts in memory to a saved model,
  everything in between included. Each trains as many epochs as fit, with its schedule over these.
  A peer that has seen the abstracts once or twice by then may have found nothing yet, and what it
  would reach in the end the table does not say.
- Predictions: medians of interleaved repeats, all peers loaded. A batch is the peer's own batch
  size, in the text units of the first table. Memory is the process's peak of resident memory,
  libraries included.
- An epoch: its updates alone, as far as each lets them be timed, without loading the encoder and
  saving the model; where it is of fewer abstracts than there are, the table says of how many and
  scales the time.
- Cold start: from the start of a fresh process to the entities of one abstract, the files in the
  operating system's cache.
- Environment: `site-packages` as the pinned requirements install it, with the same PyTorch. Ours
  holds the test tools too.
- GLiNER is not compared: it is used with a model that its authors trained, and its package comes
  without one.
"""


class Measure(NamedTuple):
    """
    # Parameters

    title : `str`
    value : `Callable[[Figures], Optional[float]]`
        None where it has not been measured.
    shown : `str`
        How a value is formatted.
    more_is_better : `bool`
    """

    title: str
    value: Callable[[Figures], Optional[float]]
    shown: str
    more_is_better: bool = False


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


def _middle(values: Sequence[float]) -> Optional[float]:
    return median(values) if values else None


def _runs(size: int) -> Callable[[Figures], List[Dict[str, float]]]:
    return lambda figures: figures.get("predictions", {}).get(str(size), [])


def _speed(size: int, dev_abstracts: int) -> Measure:
    def value(figures: Figures) -> Optional[float]:
        return _middle([dev_abstracts / run["seconds"] for run in _runs(size)(figures)])

    return Measure(f"predicts, batch {size} (abstracts/s)", value, ".1f", True)


def _memory(size: int) -> Measure:
    def value(figures: Figures) -> Optional[float]:
        # In later rounds the process still holds what larger batches needed.
        return min((run["peak_mb"] for run in _runs(size)(figures)), default=None)

    return Measure(f"peak memory, batch {size} (MB)", value, ".0f")


def _epoch(train_abstracts: int) -> Measure:
    def value(figures: Figures) -> Optional[float]:
        return _middle(
            [
                run["update_seconds"] / run["abstracts"] * train_abstracts / run["epochs"]
                for run in figures.get("epochs", [])
            ]
        )

    return Measure("training epoch (s)", value, ".0f")


def _f1(training: str, title: str) -> Measure:
    return Measure(title, lambda figures: figures.get(training, {}).get("f1"), ".3f", True)


def measures(settings: Dict[str, Any]) -> Dict[str, Measure]:
    dev, train = settings["dev_abstracts"], settings["train_abstracts"]
    return {
        "speed_1": _speed(1, dev),
        "speed_32": _speed(32, dev),
        "memory_1": _memory(1),
        "memory_32": _memory(32),
        "epoch": _epoch(train),
        "cold_start": Measure(
            "cold start (s)", lambda figures: _middle(figures.get("cold_starts", [])), ".1f"
        ),
        "environment": Measure(
            "environment (MB)", lambda figures: figures.get("environment_mb"), ".0f"
        ),
        "equal": _f1("equal", "F1, equal time"),
        "recommended": _f1("recommended", "F1, recommended epochs"),
    }


def render(results: Dict[str, Any]) -> str:
    """The whole page, in Markdown."""
    settings, peers = results["settings"], results["peers"]
    by_name = measures(settings)
    machine = results["machine"]
    sections = [
        HEADER,
        "Machine: {processor}, {cores} cores, {memory_gib} GiB, Python {python}.\n\n".format(
            **machine
        ),
        _table(
            ["", *(figures["title"] for figures in peers.values())],
            _rows(by_name, peers, settings["train_abstracts"]),
        ),
        "\n## Goals\n\n",
        _table(["what", "against", "reached", "goal", ""], _goals(by_name, peers)),
        "\n## Where a peer wins\n\n",
        _wins(by_name, peers),
        "\n## How it was measured\n",
        NOTES.format(budget_minutes=settings["budget_seconds"] / 60, **settings),
    ]
    return "".join(sections)


def _rows(
    by_name: Dict[str, Measure], peers: Dict[str, Figures], train_abstracts: int
) -> Iterator[List[str]]:
    everyone = list(peers.values())
    yield ["versions", *(_versions(figures) for figures in everyone)]
    yield ["text unit", *(figures["unit"] for figures in everyone)]
    for name, measure in by_name.items():
        cells = [_shown(measure, measure.value(figures)) for figures in everyone]
        if name == "epoch":
            cells = [
                cell + _fraction(figures, train_abstracts) for cell, figures in zip(cells, everyone)
            ]
        if name in ("equal", "recommended"):
            with_minutes = name == "equal"
            cells = [
                cell + _training(figures.get(name, {}), with_minutes)
                for cell, figures in zip(cells, everyone)
            ]
        yield [measure.title, *cells]


def _versions(figures: Figures) -> str:
    return ", ".join(f"{name} {number}" for name, number in figures.get("versions", {}).items())


def _shown(measure: Measure, value: Optional[float]) -> str:
    return BLANK if value is None else format(value, measure.shown)


def _fraction(figures: Figures, train_abstracts: int) -> str:
    seen = figures.get("epoch_abstracts", train_abstracts)
    return BLANK if seen == train_abstracts else f" (from {seen} of {train_abstracts} abstracts)"


def _training(training: Dict[str, Any], with_minutes: bool) -> str:
    if "left_out" in training:
        return f"({training['left_out']})"
    if not training:
        return BLANK
    minutes = f", {training['seconds'] / 60:.1f} min" if with_minutes else BLANK
    return f" ({training['epochs']:.3g} epochs{minutes})"


def _advantage(measure: Measure, ours: float, theirs: float) -> float:
    """How many times as good ours is; of an F1, by how much it is higher."""
    if measure.title.startswith("F1"):
        return ours - theirs
    return ours / theirs if measure.more_is_better else theirs / ours


def _goals(by_name: Dict[str, Measure], peers: Dict[str, Figures]) -> Iterator[List[str]]:
    goals = [
        Goal(by_name["speed_1"], span_based=3.0, tagger=1.0),
        Goal(by_name["speed_32"], span_based=3.0, tagger=1.0),
        Goal(by_name["epoch"], span_based=1.5, tagger=None),
        Goal(by_name["equal"], span_based=0.01, tagger=0.01),
    ]
    for measure, span_based, tagger in goals:
        for name, figures in peers.items():
            least = span_based if figures["span_based"] else tagger
            if name == OURS or least is None or OURS not in peers:
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
    lines = []
    for measure in by_name.values():
        for name, figures in peers.items():
            if name == OURS or OURS not in peers:
                continue
            ours, theirs = measure.value(peers[OURS]), measure.value(figures)
            if ours is None or theirs is None:
                continue
            if theirs > ours if measure.more_is_better else theirs < ours:
                lines.append(
                    f"- {measure.title}: {figures['title']} {_shown(measure, theirs)}, "
                    f"ours {_shown(measure, ours)}\n"
                )
    return "".join(lines) or "Nowhere.\n"


def _table(header: Sequence[str], rows: Iterator[List[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)
