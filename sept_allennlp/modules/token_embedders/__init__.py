from sept_allennlp.modules.token_embedders.encoder_embedder import EncoderEmbedder, yields_pieces
from sept_allennlp.modules.token_embedders.pooled_word_pieces import PooledWordPieceEmbedder
from sept_allennlp.modules.token_embedders.static_word_pieces import StaticWordPieceEmbedder
from sept_allennlp.modules.token_embedders.word_pieces import WordPieceEmbedder

__all__ = [
    "EncoderEmbedder",
    "PooledWordPieceEmbedder",
    "StaticWordPieceEmbedder",
    "WordPieceEmbedder",
    "yields_pieces",
]
