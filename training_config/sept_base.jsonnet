// SEPT as recommended for an encoder of BERT's base size; sept.jsonnet has the paper's settings. What
// differs from the paper's model was measured in five folds (docs/results.md): the span's length,
// endpoints and attention beside the maximum, and how probable an entity has to be.
(import 'sept_all_features.jsonnet') + (import 'base_size.libsonnet') + {
  model+: { decoding+: { min_score: 0.6 } },
}
