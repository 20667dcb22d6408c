"""What an archive holds beside the configuration, the vocabulary and the weights."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Archivable(Protocol):
    """
    A part of a model that is made from files: an encoder, a span filter. What has this method is
    asked, when training begins, to put its files where AllenNLP packs them into `model.tar.gz`
    (see `sept_allennlp.training.ArchiveEncoder`), and finds them again by the `serialization_dir`
    that AllenNLP gives to constructors.
    """

    def archive_into(self, serialization_dir: str) -> None:
        """Copies what the part is made from, weights aside, into `serialization_dir`."""
