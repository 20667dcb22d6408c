from typing import Any

from allennlp.training.callbacks import TrainerCallback

from sept_allennlp.archives.contents import Archivable


@TrainerCallback.register("archive_encoder")
class ArchiveEncoder(TrainerCallback):
    """
    Puts what the model was made from where AllenNLP packs it into `model.tar.gz`: of every module
    that `Archivable`, for example an encoder's configuration and tokenizer. So the archive
    evaluates and predicts on a machine that has neither a network nor those files.

    Registered as a `TrainerCallback` with name "archive_encoder".
    """

    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        """Before the first epoch, so that the archive of an interrupted run has it all, too."""
        super().on_start(trainer, is_primary, **kwargs)
        if is_primary and self.serialization_dir:
            for module in trainer.model.modules():
                if isinstance(module, Archivable):
                    module.archive_into(self.serialization_dir)
