"""Optimizers, moving averages and learning rate schedulers."""

from typing import Any, Dict, List, Optional, Tuple, Union

import torch
from allennlp.training.learning_rate_schedulers.learning_rate_scheduler import (
    _PyTorchLearningRateSchedulerWithMetricsWrapper,
)
from allennlp.training.moving_average import ExponentialMovingAverage, MovingAverage
from allennlp.training.optimizers import Optimizer, ParameterGroupsType, make_parameter_groups
from typing_extensions import override


@Optimizer.register("fused_adamw")
class FusedAdamW(Optimizer, torch.optim.AdamW):
    """
    AdamW in PyTorch's fused implementation.

    It updates a parameter and its state in one pass, where AllenNLP's `adamw` makes one pass for
    each operation. On a CPU, with batches of a few abstracts, `adamw` takes as long as the
    encoder's backward pass (docs/speed.md).

    Registered as an `Optimizer` with name "fused_adamw". It takes the parameters of `adamw`.
    """

    def __init__(
        self,
        model_parameters: List[Tuple[str, torch.nn.Parameter]],
        parameter_groups: Optional[ParameterGroupsType] = None,
        lr: float = 0.001,
        betas: Tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(
            params=make_parameter_groups(model_parameters, parameter_groups),
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            fused=True,
        )


@MovingAverage.register("recoverable_exponential")
class RecoverableExponentialAverage(ExponentialMovingAverage):
    """
    Exponential moving average of the parameters that can be recovered from a checkpoint.

    AllenNLP's own average, once it is loaded from a checkpoint, averages the checkpoint's
    parameters instead of the model's. This one loads only the averages. It also updates a
    parameter's average in one pass, where AllenNLP makes three and a copy of each parameter: with
    a small encoder that is a tenth of a training step on a CPU (docs/speed.md).

    Registered as a `MovingAverage` with name "recoverable_exponential". It takes the parameters of
    `ExponentialMovingAverage`.
    """

    @override
    def apply(self, num_updates: Optional[int] = None) -> None:
        decay = self._decay
        if num_updates is not None:
            decay = min(decay, (self._numerator + num_updates) / (self._denominator + num_updates))
        averages = [self._shadows[name] for name, _ in self._parameters]
        parameters = [parameter.detach() for _, parameter in self._parameters]
        torch._foreach_lerp_(averages, parameters, 1.0 - decay)

    @override
    def state_dict(self) -> Dict[str, Any]:
        return {"shadows": self._shadows}

    @override
    def load_state_dict(self, state_dict: Dict[str, Any]) -> None:
        for name, average in state_dict["shadows"].items():
            self._shadows[name].copy_(average)


class ReduceOnPlateau(_PyTorchLearningRateSchedulerWithMetricsWrapper):
    """
    PyTorch's `ReduceLROnPlateau`, which has lost the argument `verbose` that AllenNLP gives it.

    Registered as a `LearningRateScheduler` with name "reduce_on_plateau", in place of AllenNLP's.

    # Parameters

    mode : `str`, optional (default = `"min"`)
        `"max"` for a validation metric such as "+f1", for which more is better.
    factor, patience, threshold_mode, threshold, cooldown, min_lr, eps
        As for `torch.optim.lr_scheduler.ReduceLROnPlateau`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold_mode: str = "rel",
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: Union[float, List[float]] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(
            torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer,
                mode=mode,  # type: ignore[arg-type]
                factor=factor,
                patience=patience,
                threshold_mode=threshold_mode,  # type: ignore[arg-type]
                threshold=threshold,
                cooldown=cooldown,
                min_lr=min_lr,
                eps=eps,
            )
        )
