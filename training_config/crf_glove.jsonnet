// BiLSTM-CRF on GloVe.
local crf = import 'crf.libsonnet';

local glove = std.extVar('SEPT_GLOVE');
local batch_size = 20;

crf {
  dataset_reader+: { token_indexers: { tokens: { type: 'single_id' } } },
  // The authors fine-tune the vectors of words in train and dev; all other words share a random
  // vector. Here vectors are fixed, the most frequent words have one even if the data lacks them, and
  // words that GloVe lacks are unknown in training, too.
  vocabulary: {
    type: 'from_instances',
    pretrained_files: { tokens: glove },
    only_include_pretrained_words: true,
    min_pretrained_embeddings: { tokens: 200000 },
  },
  model+: {
    text_field_embedder: {
      token_embedders: {
        tokens: {
          type: 'embedding',
          embedding_dim: 300,
          pretrained_file: glove,
          trainable: false,
        },
      },
    },
  },
  data_loader: { batch_size: batch_size, shuffle: true },
  validation_data_loader: { batch_size: batch_size },
  trainer+: {
    optimizer: { type: 'adam', lr: 2e-3 },
    learning_rate_scheduler: { type: 'step', step_size: 50, gamma: 0.1 },
  },
}
