"""
Mixed precision by its present name. AllenNLP's trainer asks for it, used or not, as
`torch.cuda.amp`, of which torch warns in each epoch that the name will go.
"""

from functools import partial
from types import SimpleNamespace

import torch
from allennlp.training import gradient_descent_trainer


def autocast(enabled: bool) -> torch.amp.autocast:
    """What the trainer knows as `torch.cuda.amp.autocast`."""
    return torch.amp.autocast("cuda", enabled=enabled)


def install() -> None:
    """Gives AllenNLP's trainer the same functions by the names that torch wants."""
    gradient_descent_trainer.amp = SimpleNamespace(  # type: ignore[assignment]
        autocast=autocast, GradScaler=partial(torch.amp.GradScaler, "cuda")
    )
