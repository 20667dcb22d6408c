from contextlib import nullcontext
from dataclasses import replace
from os import PathLike
from typing import Any, Dict, Iterable, List, Optional, Sequence, Union

import torch
from allennlp.common import plugins
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, DatasetReader, Instance
from allennlp.models import Model
from allennlp.nn.util import move_to_device
from allennlp.predictors import Predictor

from sept_allennlp.archives.loading import ArchiveError, load_archive
from sept_allennlp.modules.bfloat16 import bfloat16_encoders, check_bfloat16
from sept_allennlp.modules.score_calibration import ScoreCalibration
from sept_runtime.calibration import Calibration
from sept_runtime.documents import Document, Prediction
from sept_runtime.formats.json_lines import JsonObject, dump_line
from sept_runtime.formats.predictions import prediction_to_json
from sept_runtime.inference.json_lines import Request, predict_requests
from sept_runtime.options import PRECISIONS, TRAINED_PRECISIONS, Decoding
from sept_runtime.tokenization.words import with_joined_text

_MAX_BATCH_WORDS = 16_384
# Fewer words keep all cores of a CPU busy; it is a quarter slower if activations outgrow its cache.
_MAX_BATCH_WORDS_ON_CPU = 2_048
# Each core has its own cache (docs/speed.md).
_MAX_BATCH_WORDS_ON_ONE_CORE = 1_024


@Predictor.register("sept")
class SEPTPredictor(Predictor):
    """
    Predictor of entities and relations; the `SpanPredictor` of a trained model.

    It takes documents as JSON objects with `text`, `tokens` or `sentences` (see
    `sept_runtime.formats.inputs`). An input that cannot be used yields an object with `error`
    instead of entities; nothing is raised and nothing is left out.

    On the command line, options are given as `--predictor-args '{"min_score": 0.5}'`.

    Registered as a `Predictor` with name "sept".

    # Parameters

    model : `Model`
    dataset_reader : `DatasetReader`
    frozen : `bool`, optional (default = `True`)
    precision : `str`, optional (default = `"float32"`)
        The encoder's precision: `"float32"`, or `"bfloat16"` if the processor or the GPU supports
        it, which is faster and changes scores a little. Everything after the encoder is float32.
    options : optional
        `flat`, `min_score` and the other options of `Decoding`; the default is the model's own.
        `min_precision` or `min_recall`, of a calibrated model, choose the `min_score` that reaches
        it on the calibration data.

    # Raises

    `ConfigurationError` for an unknown option, and for a value of a wrong type or out of range.
    """

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        frozen: bool = True,
        precision: str = "float32",
        **options: Any,
    ) -> None:
        super().__init__(model, dataset_reader, frozen)
        if precision not in TRAINED_PRECISIONS:
            if precision in PRECISIONS:
                raise ConfigurationError(
                    f"an archive does not support the precision {precision!r}; export it with "
                    "'allennlp sept-export', and use the folder"
                )
            known = " or ".join(map(repr, TRAINED_PRECISIONS))
            raise ConfigurationError(f"precision must be {known}, got {precision!r}")
        self._in_bfloat16 = precision == "bfloat16"
        if self._in_bfloat16:
            check_bfloat16(model, self._device)
        if options.get("soft_relations") is not None and not self.finds_relations:
            raise ConfigurationError(
                "soft_relations needs a model that finds relations: leave it out, or predict with "
                "a model that was trained with model.relations"
            )
        decoding: Decoding = model.decoding  # type: ignore[assignment]
        wanted = {name: options.pop(name, None) for name in ("min_precision", "min_recall")}
        try:
            if any(value is not None for value in wanted.values()):
                decoding = decoding.changed(min_score=self.calibration.min_score(**wanted))
            self.decoding = decoding.changed(**options)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None

    @classmethod
    def from_path(
        cls,
        archive_path: Union[str, "PathLike[str]"],
        predictor_name: Optional[str] = None,
        cuda_device: int = -1,
        dataset_reader_to_load: str = "validation",
        frozen: bool = True,
        import_plugins: bool = True,
        overrides: Union[str, Dict[str, Any]] = "",
        **options: Any,
    ) -> "SEPTPredictor":
        """
        Load a predictor from an archive, which need not be trusted.

        # Raises

        `ArchiveError` if the archive is not safe to load, or holds another kind of model.
        """
        if import_plugins:
            plugins.import_plugins()
        archive = load_archive(archive_path, cuda_device=cuda_device, overrides=overrides)
        if archive.model.default_predictor != "sept":
            kind = type(archive.model).__name__
            raise ArchiveError(
                f"{archive_path}: expected a model that predicts entities, found {kind}"
            )
        predictor = cls.from_archive(
            archive, predictor_name or "sept", dataset_reader_to_load, frozen, options
        )
        assert isinstance(predictor, cls)
        return predictor

    @property
    def max_batch_words(self) -> int:
        """Return the number of words in a batch; fewer on the CPU, whose cache it should fit."""
        if self._device.type != "cpu":
            return _MAX_BATCH_WORDS
        alone = torch.get_num_threads() == 1
        return _MAX_BATCH_WORDS_ON_ONE_CORE if alone else _MAX_BATCH_WORDS_ON_CPU

    def predict_batch(self, documents: Sequence[Document], decoding: Decoding) -> List[Prediction]:
        """Return a prediction for each document."""
        return self._predict(self._instances(documents), decoding)

    def tensors(self, documents: Sequence[Document]) -> Any:
        """Return a batch of documents as the model's `score_spans` expects it, on its device."""
        return self._tensors(self._instances(documents))

    def predict_json(self, inputs: JsonObject) -> JsonObject:
        """Return the prediction for one input, or its `error`."""
        return self.predict_batch_json([inputs])[0]

    def predict_batch_json(self, inputs: Sequence[JsonObject]) -> List[JsonObject]:
        """Return the predictions for several inputs, which are batched by length."""
        requests = map(Request.from_json, inputs)
        return list(predict_requests(self, requests, self.decoding, len(inputs), True))

    def predict_instance(self, instance: Instance) -> JsonObject:
        """Return the prediction for one instance of a dataset reader."""
        return self.predict_batch_instance([instance])[0]

    def predict_batch_instance(self, instances: List[Instance]) -> List[JsonObject]:
        """Return the predictions for instances of a dataset reader (`--use-dataset-reader`)."""
        documents = [
            with_joined_text(instance["metadata"]["document"])  # type: ignore[index]
            for instance in instances
        ]
        found = self._predict(instances, self.decoding)
        return [
            prediction_to_json(document, prediction, {})
            for document, prediction in zip(documents, found)
        ]

    def dump_line(self, outputs: JsonObject) -> str:
        """Return one line of JSON without the ASCII escapes of AllenNLP's."""
        return dump_line(outputs)

    @property
    def labels(self) -> Sequence[str]:
        """Return the labels of entities."""
        labels: Sequence[str] = self._model.labels  # type: ignore[assignment]
        return labels

    @property
    def finds_relations(self) -> bool:
        """Tell whether the model finds relations."""
        # AllenNLP's models and our baselines lack the attribute.
        return getattr(self._model, "finds_relations", False)

    @property
    def calibration(self) -> Calibration:
        """Return the calibration of the scores of entities."""
        # AllenNLP's models have none.
        kept: Optional[ScoreCalibration] = getattr(self._model, "calibration", None)
        return Calibration() if kept is None else kept.get()

    @property
    def _device(self) -> torch.device:
        return next(self._model.parameters()).device

    def _instances(self, documents: Sequence[Document]) -> List[Instance]:
        return [
            # The gold annotation is not needed, and its labels may be unknown to the model.
            self._dataset_reader.text_to_instance(
                replace(document, entities=None, relations=None, soft=None)
            )
            for document in documents
        ]

    def _tensors(self, instances: Iterable[Instance]) -> Any:
        batch = Batch(instances)
        for instance in batch.instances:
            self._dataset_reader.apply_token_indexers(instance)
        batch.index_instances(self._model.vocab)
        return move_to_device(batch.as_tensor_dict(), self._device)

    @torch.no_grad()
    def _predict(self, instances: Iterable[Instance], decoding: Decoding) -> List[Prediction]:
        tensors = self._tensors(instances)
        # AllenNLP's models have no such method.
        model: Any = self._model
        with bfloat16_encoders() if self._in_bfloat16 else nullcontext():
            return model.predict(tensors["text"], tensors["sentence_ids"], decoding)
