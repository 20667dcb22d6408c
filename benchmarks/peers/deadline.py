"""Ends a training of transformers' `Trainer` at a given time."""

import time
from typing import Any, Optional

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Deadline(TrainerCallback):
    """
    # Parameters

    deadline : `float`, optional
        As `time.monotonic()` counts.
    """

    def __init__(self, deadline: Optional[float]) -> None:
        self._deadline = deadline

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._deadline is not None and time.monotonic() >= self._deadline:
            control.should_training_stop = True
