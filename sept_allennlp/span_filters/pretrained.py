import shutil
from pathlib import Path
from typing import Any, Callable, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.data import TextFieldTensors
from allennlp.models.archival import load_archive
from allennlp.modules import TextFieldEmbedder

from sept_allennlp.encoders import EncoderIdentity, has_weights
from sept_allennlp.models.span_filter import SpanFilterModel, Threshold
from sept_allennlp.span_filters.span_filter import SpanFilter
from sept_allennlp.token_embedders import EncoderEmbedder

# Beside the vocabulary, because AllenNLP packs that folder whole into an archive and reads only
# the entries whose name does not begin with a dot.
_ARCHIVED = Path("vocabulary") / ".span_filter.tar.gz"


@SpanFilter.register("pretrained")
class PretrainedSpanFilter(SpanFilter):
    """
    Keeps the candidates that a model trained beforehand (`training_config/span_filter.jsonnet`)
    takes for entities with a probability of at least a threshold (paper, section 3.5).

    The filter is frozen, and no part of the model that it is injected into: it has its own archive
    inside that model's, and neither its parameters nor its state are among that model's.

    Registered as a `SpanFilter` with name "pretrained".

    # Parameters

    archive : `str`
        The filter's `model.tar.gz`, a path or an address. Not looked at where the model that the
        filter belongs to comes from an archive, which holds its filter.
    threshold : `Union[float, Dict[str, float]]`, optional (default = the archive's own)
        A probability, or the recall to have on the data that the filter was validated on, as
        `{"recall": 0.99}`.
    serialization_dir : `str`, optional
        Given by AllenNLP: where the filter's archive is looked for first, and put.

    # Raises

    `ConfigurationError` if the archive holds another model, and for a threshold that is no
    probability.
    """

    def __init__(
        self,
        archive: str,
        threshold: Optional[Threshold] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__()
        self._source = _find_archive(archive, serialization_dir)
        model = load_archive(self._source).model
        if not isinstance(model, SpanFilterModel):
            raise ConfigurationError(
                f"{archive}: this archive holds no span filter but a {type(model).__name__}; a "
                "filter is trained with training_config/span_filter.jsonnet"
            )
        if threshold is not None:
            model.set_threshold(threshold)
        # Fails now if the threshold is a recall and the filter was not trained to its end.
        model.threshold_logit()
        self._name = archive
        # In a list, so that torch does not take it for a part of the model around it.
        self._model = [model.requires_grad_(False).eval()]

    def _apply(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> "PretrainedSpanFilter":
        # What `to`, `cuda`, `half` and so on do to a module's parts.
        self._model[0]._apply(fn, *args, **kwargs)
        return super()._apply(fn, *args, **kwargs)

    def check(self, text_field_embedder: TextFieldEmbedder, max_span_width: int) -> None:
        model = self._model[0]
        if model.max_span_width != max_span_width:
            raise ConfigurationError(
                f"the span filter {self._name} was trained with a span limit of "
                f"{model.max_span_width} words (max_span_width), the model has {max_span_width}"
            )
        theirs, ours = _encoder_of(model.embedder), _encoder_of(text_field_embedder)
        if theirs is None or ours is None:
            which = "the model" if theirs is not None else f"the span filter {self._name}"
            raise ConfigurationError(
                f"{which} does not read the word pieces of a pre-trained encoder; a pre-trained "
                "span filter works only where both do"
            )
        if theirs.tokenisation != ours.tokenisation:
            raise ConfigurationError(
                f"the span filter {self._name} was trained with another tokenisation: that of "
                f"{theirs.name}, and the model has that of {ours.name}"
            )
        if theirs.architecture != ours.architecture:
            raise ConfigurationError(
                f"the span filter {self._name} was trained with another encoder: "
                f"{theirs.name} ({theirs.describe()}), and the model has {ours.name} "
                f"({ours.describe()})"
            )

    def archive_into(self, serialization_dir: str) -> None:
        """Puts the filter's archive where AllenNLP packs it into the archive of the model."""
        target = Path(serialization_dir) / _ARCHIVED
        if Path(self._source) != target:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._source, target)

    def forward(
        self, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        model = self._model[0]
        with torch.no_grad():
            return mask & (model.score(text, spans, mask) >= model.threshold_logit())


def _encoder_of(embedder: TextFieldEmbedder) -> Optional[EncoderIdentity]:
    for module in embedder.modules():
        if isinstance(module, EncoderEmbedder):
            return module.identity
    return None


def _find_archive(archive: str, serialization_dir: Optional[str]) -> str:
    if serialization_dir is not None:
        archived = Path(serialization_dir) / _ARCHIVED
        if archived.is_file():
            return str(archived)
        # The model comes from an archive that has no filter, and a configuration that names one,
        # which may be the user's (an override) or a stranger's: nothing is downloaded for those.
        if has_weights(Path(serialization_dir)) and not Path(archive).is_file():
            raise ConfigurationError(f"{archive}: there is no such span filter on this machine")
    try:
        return str(cached_path(archive))
    except FileNotFoundError:
        raise ConfigurationError(f"{archive}: there is no such span filter") from None
