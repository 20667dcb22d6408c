// SEPT on a small encoder that two CPU cores can fine-tune.
local encoder = {
  // Without it, a training step takes three quarters of the time, with the same F1 (docs/results.md).
  attention_dropout: 0.0,
};

(import 'sept.jsonnet') + (import 'minilm.libsonnet') + {
  model+: {
    text_field_embedder+: { token_embedders+: { tokens+: encoder } },
    // With 250 negatives from the start, no entity is found in the first hundred steps.
    span_sampler+: { initial_negatives: 50 },
  },
}
