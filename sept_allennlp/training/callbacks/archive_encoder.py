from typing import Any

from allennlp.training.callbacks import TrainerCallback
from typing_extensions import override

from sept_allennlp.archives.contents import Archivable
from sept_allennlp.archives.encoders import check_same_encoders
from sept_allennlp.archives.skeletons import archive_skeletons


@TrainerCallback.register("archive_encoder")
class ArchiveEncoder(TrainerCallback):
    """
    Callback that makes the archive self-contained.

    Before the first epoch it puts the files that the model was made from where AllenNLP packs them
    into `model.tar.gz`: those of every module and token indexer that is `Archivable`, for example
    an encoder's configuration and tokenizer, and the skeletons of archives that the model was made
    from. So the archive evaluates and predicts on a machine that has neither a network nor those
    files.

    It also compares the encoders of the token indexers and of the model.

    Registered as a `TrainerCallback` with name "archive_encoder".
    """

    @override
    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary, **kwargs)
        reader = getattr(trainer.data_loader, "reader", None)
        check_same_encoders(reader, trainer.model)
        if is_primary and self.serialization_dir:
            indexers = getattr(reader, "_token_indexers", None) or {}
            for part in (*trainer.model.modules(), *indexers.values()):
                if isinstance(part, Archivable):
                    part.archive_into(self.serialization_dir)
            archive_skeletons(self.serialization_dir)
