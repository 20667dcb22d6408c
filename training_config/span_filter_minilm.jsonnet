// The paper's span filter on a small encoder (MiniLM-L6), which the authors' step size would take
// much longer to train.
(import 'span_filter.jsonnet') + (import 'minilm_training.libsonnet') + {
  trainer+: { num_epochs: 8 },
}
