from typing import Tuple

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.plugins import import_plugins
from allennlp.common.util import import_module_and_submodules
from typing_extensions import override

from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.corpus.prediction import ShardPredictor
from sept_runtime.corpus.settings import ModelSettings
from sept_runtime.errors import CorpusError
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.options import ENGINES, PRECISIONS, Decoding


class ArchiveShardPredictor(ShardPredictor):
    """A trained model, loaded from its archive."""

    # Python, PyTorch, AllenNLP and a batch.
    process_bytes = 1.5 * 2**30

    def __init__(self, settings: ModelSettings) -> None:
        torch.set_num_threads(settings.threads)
        # As AllenNLP's commands do.
        import_plugins()
        for package in settings.packages:
            import_module_and_submodules(package)
        super().__init__(settings)

    @override
    @classmethod
    def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
        """
        Load the model and its decoding options.

        # Raises

        `ArchiveError` if the archive is not safe to load or does not contain a SEPT, `CorpusError`
        for options that do not apply.
        """
        if settings.engine != ENGINES[0]:
            raise CorpusError(
                f"--engine applies to exported models, and {settings.archive} is an archive. Leave "
                "out --engine, or export the model by 'allennlp sept-export' and give that folder."
            )
        options = dict(settings.predictor_args)
        if settings.precision != PRECISIONS[0]:
            options["precision"] = settings.precision
        try:
            predictor = SEPTPredictor.from_path(
                settings.archive,
                cuda_device=settings.cuda_device,
                import_plugins=False,
                overrides=settings.overrides,
                **options,
            )
        except (ConfigurationError, TypeError, ValueError) as error:
            if not options:
                raise
            named = ", ".join(options)
            raise CorpusError(f"the model does not take these options ({named}): {error}") from None
        return predictor, predictor.decoding
