"""`model.tar.gz`: what goes into it, and loading it as data and not as code."""

from sept_allennlp.archives.loading import ArchiveError, load_archive

__all__ = ["ArchiveError", "load_archive"]
