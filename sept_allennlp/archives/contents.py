"""The content of an archive beside configuration, vocabulary and weights."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Archivable(Protocol):
    """
    A part of a model that is made from files: an encoder, a span filter.

    When training begins, `sept_allennlp.training.ArchiveEncoder` asks it to put its files where
    AllenNLP packs them into `model.tar.gz`. It finds them again by the `serialization_dir` that
    AllenNLP gives to constructors.
    """

    def archive_into(self, serialization_dir: str) -> None:
        """Copy the files that the part is made from, without weights, into `serialization_dir`."""
