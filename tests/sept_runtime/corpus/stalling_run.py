"""A run for a test to kill: after its first shard it does nothing until it is."""

import os
import signal
import sys
import time
from pathlib import Path

from sept_allennlp.corpus import ArchiveShardPredictor
from sept_runtime.corpus.prediction import PredictedShard
from sept_runtime.corpus.run import predict_corpus
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.corpus.shards import ShardLines


def main() -> None:
    """Makes the run; the arguments are the archive, the corpus, and the output."""
    archive, corpus, output = sys.argv[1:]
    run = os.getpid()

    class Stalls(ArchiveShardPredictor):
        # Whichever it is: Ray hands them out in any order.
        has_done_one = False

        def predict(self, shard_lines: ShardLines, file_name: str) -> PredictedShard:
            if self.has_done_one:
                while _lives(run):
                    time.sleep(0.1)
                # Ray ends the workers of a run that is gone, but does not say when; what this one
                # did until then would be done twice.
                os.kill(os.getpid(), signal.SIGKILL)
            self.has_done_one = True
            return super().predict(shard_lines, file_name)

    settings = CorpusSettings(
        ModelSettings.of(archive, batch_size=1),
        (corpus,),
        Path(output),
        text_column="abstract",
        lines_per_shard=4,
        workers=1,
    )
    predict_corpus(settings, print, Stalls)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
