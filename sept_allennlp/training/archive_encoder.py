from typing import Any

from allennlp.training.callbacks import TrainerCallback

from sept_allennlp.elmo_files import archive_elmo
from sept_allennlp.encoders import archive_encoder
from sept_allennlp.token_embedders import ElmoEmbedder, WordPieceEmbedder


@TrainerCallback.register("archive_encoder")
class ArchiveEncoder(TrainerCallback):
    """
    Puts the configuration and the tokeniser of every encoder of the model (of ELMo, its options)
    where AllenNLP packs them into `model.tar.gz`, so that the archive evaluates and predicts on a
    machine that has neither a network nor the files the encoder was trained from.

    Registered as a `TrainerCallback` with name "archive_encoder".
    """

    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary, **kwargs)
        if is_primary and self.serialization_dir:
            for module in trainer.model.modules():
                if isinstance(module, WordPieceEmbedder):
                    archive_encoder(module.model_name, self.serialization_dir)
                elif isinstance(module, ElmoEmbedder):
                    archive_elmo(module.options_file, self.serialization_dir)
