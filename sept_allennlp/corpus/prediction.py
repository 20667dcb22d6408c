from typing import Tuple

import torch
from allennlp.common.plugins import import_plugins
from allennlp.common.util import import_module_and_submodules

from sept_allennlp.predictors import SEPTPredictor
from sept_runtime.corpus.inputs import CorpusError
from sept_runtime.corpus.prediction import ShardPredictor
from sept_runtime.corpus.settings import ModelSettings
from sept_runtime.inference.prediction import SpanPredictor
from sept_runtime.options import Decoding, non_default_options


class ArchiveShardPredictor(ShardPredictor):
    """For archives."""

    # Python, PyTorch, AllenNLP and a batch.
    process_bytes = 1.5 * 2**30

    def __init__(self, settings: ModelSettings) -> None:
        torch.set_num_threads(settings.threads)
        # As AllenNLP's commands do.
        import_plugins()
        for package in settings.packages:
            import_module_and_submodules(package)
        super().__init__(settings)

    @classmethod
    def load(cls, settings: ModelSettings) -> Tuple[SpanPredictor, Decoding]:
        """
        # Raises

        `ArchiveError` if the archive is not safe to load, or holds no SEPT, and `CorpusError` for
        settings that only exported models know.
        """
        for option in non_default_options(settings.engine, settings.precision):
            raise CorpusError(
                f"{settings.archive}: an archive takes no {option}; export it by "
                "'allennlp sept-export', and give the folder"
            )
        predictor = SEPTPredictor.from_path(
            settings.archive,
            cuda_device=settings.cuda_device,
            import_plugins=False,
            overrides=settings.overrides,
            **settings.predictor_args,
        )
        return predictor, predictor.decoding
