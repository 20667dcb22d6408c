// SEPT as recommended for an encoder of BERT's base size; sept.jsonnet has the paper's settings. The
// differences were measured in five folds (docs/results.md): length, endpoints and attention beside the
// maximum, and the lowest probability of an entity.
(import 'sept_all_features.jsonnet') + (import 'base_size.libsonnet') + {
  model+: { decoding+: { min_score: 0.6 } },
}
