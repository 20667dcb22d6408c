"""Time measurement and a deadline for transformers' `Trainer`."""

import time
from typing import Any, Optional

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class TrainingClock(TrainerCallback):
    """
    Callback that ends a training at a deadline. `seconds` is the time of the updates, without the
    preparation before them.

    # Parameters

    deadline : `float`, optional
        As `time.monotonic()` counts.
    """

    def __init__(self, deadline: Optional[float]) -> None:
        self._deadline = deadline
        self._started = 0.0
        self.seconds = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._started = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        now = time.monotonic()
        self.seconds = now - self._started
        if self._deadline is not None and now >= self._deadline:
            control.should_training_stop = True
