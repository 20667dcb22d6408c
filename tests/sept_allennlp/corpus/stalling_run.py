"""A run for a test to kill: it stops for ever in the middle."""

import sys
import time
from pathlib import Path

from sept_allennlp.corpus.prediction import PredictedShard, ShardPredictor
from sept_allennlp.corpus.run import predict_corpus
from sept_allennlp.corpus.settings import CorpusSettings, ModelSettings
from sept_allennlp.corpus.shards import ShardLines


class Stalls(ShardPredictor):
    def predict(self, shard_lines: ShardLines, file_name: str) -> PredictedShard:
        if shard_lines.shard.number == 1:
            time.sleep(3600)
        return super().predict(shard_lines, file_name)


def main() -> None:
    archive, corpus, output = sys.argv[1:]
    settings = CorpusSettings(
        ModelSettings.of(archive, batch_size=1),
        (corpus,),
        Path(output),
        text_column="abstract",
        lines_per_shard=4,
        workers=1,
    )
    predict_corpus(settings, print, Stalls)


if __name__ == "__main__":
    main()
