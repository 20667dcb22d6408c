"""A run for a test to kill: after its first shard it does nothing until it is killed."""

import os
import signal
import sys
import time
from pathlib import Path

from typing_extensions import override

from sept_runtime.corpus.prediction import PredictedShard
from sept_runtime.corpus.run import predict_corpus
from sept_runtime.corpus.settings import CorpusSettings, ModelSettings
from sept_runtime.corpus.shards import ShardLines
from sept_runtime.formats.records import FieldOptions
from tests.sept_runtime.corpus.in_process import WordShardPredictor


def main() -> None:
    """Make the run; the arguments are the model, the corpus, and the output."""
    model, corpus, output = sys.argv[1:]
    run = os.getpid()

    class Stalls(WordShardPredictor):
        has_done_one = False

        @override
        def predict(
            self, shard_lines: ShardLines, file_name: str, fields: FieldOptions
        ) -> PredictedShard:
            if self.has_done_one:
                # Ray ends the workers of a dead run, but not at once.
                while is_alive(run):
                    time.sleep(0.05)
                os.kill(os.getpid(), signal.SIGKILL)
            self.has_done_one = True
            return super().predict(shard_lines, file_name, fields)

    settings = CorpusSettings(
        ModelSettings.of(model),
        (corpus,),
        Path(output),
        fields=FieldOptions(text="abstract"),
        lines_per_shard=4,
        workers=1,
    )
    predict_corpus(settings, print, Stalls)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
