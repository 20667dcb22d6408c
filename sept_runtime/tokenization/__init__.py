"""Sentences, words and word pieces of raw text."""

from sept_runtime.tokenization.tokenizer import TokenizedText, tokenize

__all__ = ["TokenizedText", "tokenize"]
