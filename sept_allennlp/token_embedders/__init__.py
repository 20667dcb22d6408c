from sept_allennlp.token_embedders.word_pieces import WordPieceEmbedder

__all__ = ["WordPieceEmbedder"]
