"""`model.tar.gz`: what goes into it, and loading it as data and not as code."""

from sept_allennlp.archives.guard import ArchiveError
from sept_allennlp.archives.loading import load_archive

__all__ = ["ArchiveError", "load_archive"]
