"""
Annotation of a corpus that is too large for one process: `sept annotate`.

This package is part of the light half because a worker of an exported model must import neither
PyTorch nor AllenNLP. What loads an archive is in `sept_allennlp.corpus`.

| module | content |
| --- | --- |
| `settings` | the options of a run |
| `inputs`, `formats` | the input files, and how documents are read and written |
| `shards` | the parts of input files that workers annotate |
| `prediction` | a worker: annotates a shard and writes it |
| `output_folder` | the output, and the records of finished shards |
| `cluster`, `ray_cluster` | machines and workers, and their implementation on Ray |
| `progress`, `run` | reports, and the run that puts everything together |

**Exactly once.** The lines of each input file are cut into shards in the same way in every run. A
shard has one file of annotations, one of errors if it has any, and a record. Each is written in a
temporary folder, synced and moved to its place, the record last: a shard is finished if and only if
its record exists, and any other shard is annotated again, with the same result. So no document is
lost or written twice when a worker, a machine or the run dies, or when a worker that was given up
wakes up later.
"""

# A multiple of the blocks in which documents of similar length are batched, for a batch size of 32
# or another power of two up to 128. A document then shares its batch with the same documents as in
# `sept predict`.
LINES_PER_SHARD = 2048
