from sept_allennlp.token_indexers.word_pieces import WordPieceIndexer

__all__ = ["WordPieceIndexer"]
