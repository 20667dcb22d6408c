import torch
from allennlp.data import Batch, Vocabulary
from transformers import AutoModel

from sept_allennlp.data.dataset_readers import SciERCReader
from sept_allennlp.data.token_indexers import WordPieceIndexer
from sept_allennlp.modules.token_embedders import StaticWordPieceEmbedder
from sept_runtime.documents import Document


def test_is_the_encoders_first_layer(tiny_encoder):
    reader = SciERCReader(token_indexers={"tokens": WordPieceIndexer(tiny_encoder)})
    documents = [Document("a", [["we", "parse", "quickly"]]), Document("b", [["parsers"]])]
    instances = [reader.text_to_instance(document) for document in documents]
    for instance in instances:
        reader.apply_token_indexers(instance)
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    tensors = batch.as_tensor_dict()["text"]["tokens"]

    embedder = StaticWordPieceEmbedder(tiny_encoder)
    table = AutoModel.from_pretrained(tiny_encoder).embeddings.word_embeddings
    assert embedder(**tensors).equal(table(tensors["token_ids"]))
    assert embedder.get_output_dim() == 16
    assert not any(parameter.requires_grad for parameter in embedder.parameters())


def test_may_be_trained(tiny_encoder):
    embedder = StaticWordPieceEmbedder(tiny_encoder, train_parameters=True)
    embedder(torch.tensor([[1, 2]]), None, None, None).sum().backward()
    assert all(parameter.grad is not None for parameter in embedder.parameters())
