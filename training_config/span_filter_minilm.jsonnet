// The paper's span filter on a small encoder (MiniLM-L6), which would train much longer with the
// authors' learning rate.
(import 'span_filter.jsonnet') + (import 'minilm_training.libsonnet') + {
  trainer+: { num_epochs: 8 },
}
