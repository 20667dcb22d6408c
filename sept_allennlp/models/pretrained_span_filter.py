import hashlib
import json
import math
import os
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.data import TextFieldTensors
from allennlp.models import Model
from allennlp.models.archival import CONFIG_NAME
from allennlp.modules import TextFieldEmbedder

from sept_allennlp.archives.encoders import EncoderIdentity, has_weights
from sept_allennlp.archives.loading import load_archive
from sept_allennlp.archives.unpacking import ARCHIVE_NAME, MAX_CONFIG_SIZE
from sept_allennlp.models.span_filter import SpanFilterModel, Threshold
from sept_allennlp.modules.span_filters import SpanFilter
from sept_allennlp.modules.token_embedders import EncoderEmbedder

# Beside the vocabulary, because AllenNLP packs that folder whole into an archive and reads only
# the entries whose name does not begin with a dot.
_FOLDER = Path("vocabulary") / ".span_filters"


@SpanFilter.register("pretrained")
class PretrainedSpanFilter(SpanFilter):
    """
    Keeps the candidates that a filter trained beforehand considers likely (paper, section 3.5).

    These are candidates whose probability of being an entity, by a model of type `span_filter`
    (`training_config/span_filter.jsonnet`), reaches a threshold. The filter is frozen, and no
    submodule of the model that uses it: it has its own archive inside that model's archive, and its
    parameters and state are not among that model's.

    Registered as a `SpanFilter` with name "pretrained".

    # Parameters

    archive : `str`
        The filter's `model.tar.gz`, a path or an address. Ignored if the model comes from an
        archive, which holds its filter.
    threshold : `Union[float, Dict[str, float]]`, optional (default = the archive's own)
        A probability, or the recall to reach on the filter's validation data, as
        `{"recall": 0.99}`.
    serialization_dir : `str`, optional
        Given by AllenNLP: the folder in which the filter's archive is looked for and stored.

    # Raises

    `ConfigurationError` if the archive holds another model, and for a threshold
    outside [0, 1].
    """

    def __init__(
        self,
        archive: str,
        threshold: Optional[Threshold] = None,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__()
        self._name = archive
        self._source = _find_archive(archive, serialization_dir)
        _check_kind(archive, self._source)
        model = load_archive(self._source).model
        assert isinstance(model, SpanFilterModel)
        if threshold is not None:
            model.set_threshold(threshold)
        # Fails now if the threshold is a recall and the filter was not trained to its end.
        self._threshold_logit = model.threshold_logit()
        # In a list, so that torch does not register it as a submodule.
        self._model: List[SpanFilterModel] = [model.requires_grad_(False).eval()]

    def _apply(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> "PretrainedSpanFilter":
        # `to`, `cuda`, `half` and so on call this for a module's submodules.
        self._model[0]._apply(fn, *args, **kwargs)
        return super()._apply(fn, *args, **kwargs)

    def check(self, text_field_embedder: TextFieldEmbedder, max_span_width: int) -> None:
        """
        Check that the filter fits a model.

        # Raises

        `ConfigurationError` if the model's `max_span_width`, word pieces or encoder differ from
        those of the filter.
        """
        model = self._model[0]
        if model.max_span_width != max_span_width:
            raise ConfigurationError(
                f"the span filter {self._name} was trained with max_span_width "
                f"{model.max_span_width}, but the model has {max_span_width}; they must be equal"
            )
        theirs, ours = encoders(model.embedder), encoders(text_field_embedder)
        if not theirs or not ours:
            which = "the model" if theirs else f"the span filter {self._name}"
            raise ConfigurationError(
                f"{which} does not read the word pieces of a pre-trained encoder; a pre-trained "
                "span filter works only where both do"
            )
        for name, encoder in theirs.items():
            if name not in ours:
                raise ConfigurationError(
                    f"the span filter {self._name} was trained with another tokenization: its "
                    f"encoder reads the token indexer {name!r}, and the model's encoders read "
                    f"{', '.join(ours)}; give both the same token indexer"
                )
            _check_encoders(self._name, encoder, ours[name])

    def archive_into(self, serialization_dir: str) -> None:
        """
        Put the filter's archive where AllenNLP packs it into the archive of the model.

        # Raises

        `ConfigurationError` if the model itself comes from an archive, and the filter is nowhere
        else.
        """
        target = _archived(self._name, serialization_dir)
        if target.is_file():
            return
        source = self._source
        if not Path(source).is_file():
            source = _find_archive(self._name, None)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Complete or absent: a training may be interrupted at any time, and recovered.
        shutil.copyfile(source, f"{target}.new")
        os.replace(f"{target}.new", target)

    def forward(
        self, text: TextFieldTensors, spans: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """
        Choose candidates, see `SpanFilter`; shape `(batch_size, num_spans)`.

        If every score reaches the threshold, return `mask` itself without scoring.
        """
        if self._threshold_logit == -math.inf:
            return mask
        model = self._model[0]
        names = encoders(model.embedder)
        # The threshold was found in full precision.
        with torch.no_grad(), torch.autocast(mask.device.type, enabled=False):
            scores = model.score({name: text[name] for name in names}, spans, mask)
        return mask & (scores >= self._threshold_logit)


def encoders(embedder: TextFieldEmbedder) -> Dict[str, EncoderIdentity]:
    """Return each pre-trained encoder of the embedder, by the name of its token indexer."""
    prefix = "token_embedder_"
    return {
        name.removeprefix(prefix): module.identity
        for name, module in embedder.named_children()
        if isinstance(module, EncoderEmbedder)
    }


def _check_encoders(archive: str, theirs: EncoderIdentity, ours: EncoderIdentity) -> None:
    for what, differ in (
        ("tokenization", theirs.tokenization != ours.tokenization),
        ("encoder", theirs.architecture != ours.architecture),
        (
            "encoder of the same kind and size",
            None not in (theirs.weights, ours.weights) and theirs.weights != ours.weights,
        ),
    ):
        if differ:
            raise ConfigurationError(
                f"the span filter {archive} was trained with another {what}: "
                f"{theirs.describe()}; the model has {ours.describe()}"
            )


def _check_kind(archive: str, source: str) -> None:
    """
    Check the type of the model in an archive before it is loaded.

    So nothing is built only to be refused, and no archive can hold itself, or another model that
    holds a filter.
    """
    try:
        with tarfile.open(source, "r:gz") as members:
            config = members.extractfile(CONFIG_NAME)
            fields = json.loads(config.read(MAX_CONFIG_SIZE)) if config else {}
        kind = fields["model"]["type"]
    except (OSError, EOFError, tarfile.TarError, KeyError, TypeError, ValueError, zlib.error):
        raise ConfigurationError(f"{archive}: not the archive of a span filter") from None
    # Only a name that is registered: any other, AllenNLP would import.
    if kind not in Model.list_available() or Model.resolve_class_name(kind)[0] != SpanFilterModel:
        raise ConfigurationError(
            f"{archive}: this archive holds a model of type {kind!r} instead of a span filter; "
            "train a filter with training_config/span_filter_light.jsonnet"
        )


def _archived(archive: str, serialization_dir: str) -> Path:
    # A different folder for each name, so that overrides can name another filter.
    digest = hashlib.sha256(archive.encode()).hexdigest()[:12]
    return Path(serialization_dir) / _FOLDER / f"{digest}.tar.gz"


def _find_archive(archive: str, serialization_dir: Optional[str]) -> str:
    if serialization_dir is not None:
        archived = _archived(archive, serialization_dir)
        if archived.is_file():
            return str(archived)
        # The model comes from an archive that has no such filter, and a configuration that names
        # it, which may be the user's (an override) or a stranger's: nothing is downloaded for it.
        if has_weights(Path(serialization_dir)) and not Path(archive).exists():
            raise ConfigurationError(f"{archive}: there is no such span filter on this machine")
    try:
        found = str(cached_path(archive))
    except OSError as error:
        raise ConfigurationError(f"{archive}: there is no such span filter ({error})") from None
    if Path(found).is_dir():
        found = str(Path(found) / ARCHIVE_NAME)
    if not Path(found).is_file():
        raise ConfigurationError(
            f"{archive}: this folder has no {ARCHIVE_NAME}: its training has not ended"
        )
    return found
