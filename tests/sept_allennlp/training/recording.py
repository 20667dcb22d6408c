import json
from pathlib import Path
from typing import Any, Dict, List

import torch
import torch.distributed as dist
from allennlp.training.callbacks import TrainerCallback


@TrainerCallback.register("record_batches")
class RecordBatches(TrainerCallback):
    """Writes down, per process, which documents each training batch held and what is drawn next."""

    def on_batch(  # type: ignore[override]
        self,
        trainer: Any,
        batch_inputs: List[Dict[str, Any]],
        batch_outputs: List[Dict[str, Any]],
        batch_metrics: Dict[str, Any],
        epoch: int,
        batch_number: int,
        is_training: bool,
        **kwargs: Any,
    ) -> None:
        if not is_training:
            return
        # As torch's own generator would draw, which is left as it is.
        generator = torch.Generator()
        generator.set_state(torch.get_rng_state())
        record = {
            "epoch": epoch,
            "documents": [
                fields["document"].key for inputs in batch_inputs for fields in inputs["metadata"]
            ],
            "draws": torch.rand(3, generator=generator).tolist(),
        }
        with (Path(self.serialization_dir) / f"rank{dist.get_rank()}.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
