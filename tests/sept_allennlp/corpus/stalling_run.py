"""A run for a test to kill: it stops for ever in the middle."""

import sys
import time
from pathlib import Path

from sept_allennlp.corpus.annotating import AnnotatedUnit, UnitAnnotator
from sept_allennlp.corpus.run import CorpusRun, annotate_corpus
from sept_allennlp.corpus.units import UnitLines


class Stalls(UnitAnnotator):
    def annotate(self, unit_lines: UnitLines, file_name: str) -> AnnotatedUnit:
        if unit_lines.unit.number == 1:
            time.sleep(3600)
        return super().annotate(unit_lines, file_name)


def main() -> None:
    archive, corpus, output = sys.argv[1:]
    run = CorpusRun(
        archive,
        (corpus,),
        Path(output),
        text_column="abstract",
        lines_per_shard=4,
        workers=1,
        batch_size=1,
    )
    annotate_corpus(run, print, annotator=Stalls)


if __name__ == "__main__":
    main()
