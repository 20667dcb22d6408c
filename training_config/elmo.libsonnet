// Word embeddings by ELMo for a configuration whose model works on words.
{
  dataset_reader+: { token_indexers: { tokens: { type: 'elmo_characters' } } },
  model+: {
    text_field_embedder: {
      token_embedders: {
        tokens: {
          type: 'elmo',
          options_file: std.extVar('SEPT_ELMO_OPTIONS'),
          weight_file: std.extVar('SEPT_ELMO_WEIGHTS'),
          // The models have their own dropout on word embeddings.
          dropout: 0.0,
        },
      },
    },
  },
}
