"""The speed and memory of pooling alone."""

from typing import Any, Callable, Iterator, Optional

import torch
from allennlp.modules.span_extractors import MaxPoolingSpanExtractor, SpanExtractor

from benchmarks.figures.shared import BATCH_SIZE, Figure, Settings
from benchmarks.measuring import memory_ratio, time_ratio
from benchmarks.synthetic import MINILM
from sept_allennlp.modules.candidate_spans import enumerate_spans
from sept_allennlp.modules.span_extractors import MaxPoolSpanExtractor


def pooling_figures(settings: Settings) -> Iterator[Figure]:
    """Measure `max_pool` against AllenNLP's `max_pooling`, at several widths."""
    for width, goal in ((8, None), (12, 5.0), (30, 15.0)):
        yield from pooling_figures_at(settings, width, goal)


def pooling_figures_at(settings: Settings, width: int, goal: Optional[float]) -> Iterator[Figure]:
    """Measure pooling of all spans up to one width."""
    batch_size, length, dim = (1 if settings.quick else BATCH_SIZE), 200, MINILM.hidden_size
    generator = torch.Generator().manual_seed(0)
    sequence = torch.randn(batch_size, length, dim, generator=generator).to(settings.device)
    # AllenNLP's extractor fails on padding, so all documents have one sentence of equal length.
    one_sentence = torch.zeros(batch_size, length, dtype=torch.long, device=settings.device)
    spans, _ = enumerate_spans(one_sentence, width)
    gradient = torch.ones(batch_size, spans.size(1), dim, device=settings.device)

    def forward(extractor: SpanExtractor) -> Callable[[], Any]:
        return torch.no_grad()(lambda: extractor(sequence, spans))

    def forward_backward(extractor: SpanExtractor) -> Callable[[], Any]:
        leaf = sequence.clone().requires_grad_()
        return lambda: torch.autograd.grad(extractor(leaf, spans), leaf, gradient)

    for name, passes, run in (
        ("forward", "forward", forward),
        ("forward_backward", "forward and backward", forward_backward),
    ):
        pair = run(MaxPoolingSpanExtractor(dim)), run(MaxPoolSpanExtractor(dim))
        yield Figure(
            f"pooling_{name}_speedup_width_{width}",
            f"speedup over max_pooling, width {width}, {passes}",
            time_ratio(*pair, 3 if settings.quick else 5, settings.device),
            at_least=goal,
        )
        yield Figure(
            f"pooling_{name}_memory_saving_width_{width}",
            "  reduction of peak memory",
            memory_ratio(*pair, settings.device),
        )
