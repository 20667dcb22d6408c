"""
Predicting the entities of a corpus that is too large for one process: `allennlp sept-annotate`.

It lies in this package and not in the plugin, because a worker finds its code by importing it, and
who imports the plugin imports PyTorch and AllenNLP: workers of an exported model need neither. What
it takes to load an archive is `sept_allennlp.corpus`.

The parts, each a module: what the command is told (`settings`); which files go in (`inputs`), how
these and the output look (`formats`), and how they are cut into shards (`shards`); what a worker
does with a shard (`prediction`); what is known of a shard that is done (`records`); the folder of
output, which remembers that (`output_folder`); how many workers there are (`workers`); what is
reported meanwhile (`progress`); and Ray, which moves the shards between processes and machines
(`ray_pipeline`), put together in `run`. Only `ray_pipeline` imports Ray,
when it runs; that and `formats` import PyArrow.

**Exactly once.** The lines of each input file are cut into shards of a fixed number, so that any
run cuts a file alike. A shard has one file of annotations, one of errors if it has any, and a
record that says that it is done. Each is written under a temporary name and renamed, the record
last: a shard is done if and only if its record is there, and one that was interrupted anywhere is
done again, with the same files of the same content. So neither the death of a worker, of a machine
or of the run itself, nor a worker that was thought dead and was not, loses a document or writes it
twice.
"""

from sept_runtime.corpus.inputs import CorpusError
from sept_runtime.corpus.settings import LINES_PER_SHARD

__all__ = ["LINES_PER_SHARD", "CorpusError"]
