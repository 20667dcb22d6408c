// SEPT on a small encoder, which two CPU cores can fine-tune.
local encoder = {
  // A training step takes three quarters of the time without it, for the same F1 (docs/speed.md).
  attention_dropout: 0.0,
};

(import 'sept.jsonnet') + (import 'minilm.libsonnet') + {
  model+: {
    text_field_embedder+: { token_embedders+: { tokens+: encoder } },
    // Beside 250 negatives from the start, a hundred steps do not find a single entity.
    span_sampler+: { initial_negatives: 50 },
  },
}
