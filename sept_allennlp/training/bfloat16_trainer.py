from typing import Any, Dict

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TensorDict
from allennlp.models import Model
from allennlp.training import GradientDescentTrainer, Trainer

from sept_allennlp.modules.bfloat16 import bfloat16_encoders, check_bfloat16


@Trainer.register("bfloat16", constructor="from_partial_objects")
class Bfloat16Trainer(GradientDescentTrainer):
    """
    AllenNLP's trainer with the pre-trained encoder in bfloat16: its linear layers and its
    attention, forward and backward. Everything else is float32: the weights, their gradients and
    updates, what is added up and normalized between the layers, the heads and the loss. There is no
    loss to scale, as in `use_amp`, because a bfloat16 has the range of a float32. Validation is
    float32 throughout.

    Registered as a `Trainer` with name "bfloat16".

    # Parameters

    As for `GradientDescentTrainer`.

    # Raises

    `ConfigurationError` together with `use_amp`, for a model without such an encoder, and where
    the device has no instructions for bfloat16.
    """

    def __init__(self, model: Model, *args: Any, use_amp: bool = False, **kwargs: Any) -> None:
        if use_amp:
            raise ConfigurationError(
                "trainer.use_amp is mixed precision in float16, trainer.type 'bfloat16' in "
                "bfloat16: leave one of them out"
            )
        super().__init__(model, *args, **kwargs)
        check_bfloat16(model, self.cuda_device)

    def batch_outputs(self, batch: TensorDict, for_training: bool) -> Dict[str, torch.Tensor]:
        """As for `GradientDescentTrainer`; in bfloat16 for training alone."""
        if not for_training:
            return super().batch_outputs(batch, for_training)
        with bfloat16_encoders():
            return super().batch_outputs(batch, for_training)
