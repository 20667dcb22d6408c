import torch


def draw(among: torch.Tensor, number: int) -> torch.Tensor:
    """
    Draws entries of each row uniformly and without replacement, from torch's global generator.

    # Parameters

    among : `torch.BoolTensor`
        Shape `(batch_size, num_entries)`: which entries to draw from.
    number : `int`
        Per row; of one with fewer all are drawn.

    # Returns

    `torch.BoolTensor` of shape `(batch_size, num_entries)`: those that were drawn.
    """
    size = min(number, among.size(1))
    # The largest of independent uniform draws are a uniform sample without replacement.
    draws = torch.rand(among.size(), device=among.device).masked_fill(~among, -1.0)
    drawn = torch.zeros_like(among).scatter_(1, draws.topk(size, dim=1).indices, True)
    return drawn & among
