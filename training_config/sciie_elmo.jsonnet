// SciIE on ELMo, as published.
local sciie = import 'sciie.libsonnet';

local batch_size = 20;

sciie {
  dataset_reader+: { token_indexers: { tokens: { type: 'elmo_characters' } } },
  model+: {
    text_field_embedder: {
      token_embedders: {
        tokens: {
          type: 'elmo_token_embedder',
          options_file: std.extVar('SEPT_ELMO_OPTIONS'),
          weight_file: std.extVar('SEPT_ELMO_WEIGHTS'),
          // model.lexical_dropout is the one dropout on the words' embeddings.
          dropout: 0.0,
        },
      },
    },
    max_span_width: 8,
  },
  data_loader: { batch_size: batch_size, shuffle: true },
  validation_data_loader: { batch_size: batch_size },
  trainer+: {
    optimizer: { type: 'adam', lr: 1e-3 },
  },
}
