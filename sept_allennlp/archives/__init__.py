"""Model archives (`model.tar.gz`): their content, and loading them as data, not as code."""

from sept_allennlp.archives.guard import ArchiveError
from sept_allennlp.archives.loading import load_archive

__all__ = ["ArchiveError", "load_archive"]
