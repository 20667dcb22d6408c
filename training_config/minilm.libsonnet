// What a small encoder (MiniLM-L6) changes in a configuration of SEPT: how it is trained, a smaller
// head, more dropout. docs/results.md says what was tried.
(import 'minilm_training.libsonnet') + {
  model+: {
    feedforward+: { num_layers: 1, hidden_dims: 256, dropout: 0.3 },
    embedding_dropout: 0.2,
    // SciERC has an overlapping pair in a hundred entities, a small model predicts many more.
    decoding: { flat: true },
  },
}
