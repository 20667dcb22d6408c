from sept_allennlp.data.token_indexers.word_pieces import WordPieceIndexer

__all__ = ["WordPieceIndexer"]
