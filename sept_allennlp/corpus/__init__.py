"""
Annotating a corpus that is too large for one process: `allennlp sept-annotate`.

The parts, each a module: which files go in (`inputs`); how they are cut into units of work
(`units`); what a worker does with one (`annotating`); how a shard of output looks (`shards`); the
folder of output, which remembers what is done (`output_folder`); how many workers there are
(`workers`); what is said meanwhile (`progress`); and Ray, which moves the units between processes
and machines (`ray_pipeline`), put together in `run`. Only `ray_pipeline` imports Ray, and is itself
imported only when it is needed.

**Exactly once.** The lines of each input file are cut into units of a fixed number, so that any
run cuts a file alike. A unit has one shard of annotations, one file of errors if it has any, and a
record that says that it is done. Each is written under a temporary name and renamed, the record
last: a unit is done if and only if its record is there, and one that was interrupted anywhere is
done again, with the same files of the same content. So neither the death of a worker, of a machine
or of the run itself, nor a worker that was thought dead and was not, loses a document or writes it
twice.
"""

from sept_allennlp.corpus.inputs import CorpusError

# Whole blocks of the batches that `sept_runtime.prediction` makes of like documents, for a batch
# size of 32 or another power of two up to 128: so a document shares its batch with the same others
# as in `allennlp predict`.
LINES_PER_SHARD = 2048

__all__ = ["LINES_PER_SHARD", "CorpusError"]
