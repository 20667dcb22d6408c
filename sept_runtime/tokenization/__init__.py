"""Sentences, words and word pieces of raw text."""

from sept_runtime.tokenization.tokenizer import TokenizedText, split_sentences, tokenize

__all__ = ["TokenizedText", "split_sentences", "tokenize"]
