"""Losses, metrics, callbacks, optimizers and the bfloat16 trainer."""
