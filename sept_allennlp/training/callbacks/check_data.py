import logging
from typing import Any

from allennlp.common.checks import ConfigurationError
from allennlp.training.callbacks import TrainerCallback
from typing_extensions import override

from sept_allennlp.data.data_check import ModelLimits, check_data, shared_documents

logger = logging.getLogger(__name__)

# The terminal shows so many lines; 'allennlp sept-data' shows all.
_LINES = 3


@TrainerCallback.register("check_data")
class CheckData(TrainerCallback):
    """
    Warns at the start of a training about its data, in at most three lines.

    `allennlp sept-data` gives the full report.

    Registered as a `TrainerCallback` with name "check_data".

    # Parameters

    strict : `bool`, optional (default = `False`)
        Refuse to train if a document of the validation data is also in the training data.

    # Raises

    `ConfigurationError` for such a document, if `strict`.
    """

    def __init__(self, serialization_dir: str, strict: bool = False) -> None:
        super().__init__(serialization_dir)
        self._strict = strict

    @override
    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary=is_primary, **kwargs)
        if not is_primary:
            return
        loaders = {"train": trainer.data_loader, "validation": trainer._validation_data_loader}
        splits = {
            name: [instance["metadata"]["document"] for instance in loader.iter_instances()]
            for name, loader in loaders.items()
            # Reading the instances again would cost the time of an epoch.
            if loader is not None and getattr(loader, "_instances", None) is not None
        }
        # Distributed training fills up the validation data with empty documents.
        splits = {name: [d for d in documents if d.words] for name, documents in splits.items()}
        if self._strict:
            for _, _, split, document in shared_documents(splits):
                raise ConfigurationError(
                    f"{document.describe()} of the {split} data is also in the training data. "
                    "Remove it, or train without strict."
                )
        decoding = getattr(trainer.model, "decoding", None)
        limits = ModelLimits(
            getattr(trainer.model, "max_span_width", None), bool(getattr(decoding, "flat", False))
        )
        findings = check_data(splits, limits).findings
        for finding in findings[:_LINES]:
            logger.warning("data: %s", finding.message)
        if len(findings) > _LINES:
            more = len(findings) - _LINES
            logger.warning("data: %d more lines, see 'allennlp sept-data'.", more)
