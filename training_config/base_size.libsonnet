// Changes of a configuration of SEPT for an encoder of BERT's base size: the training, and a wider head
// than for a small one. Results are in docs/results.md. Training takes minutes on a GPU, and an hour or
// two on two CPU cores.
(import 'minilm.libsonnet') + (import 'base_size_training.libsonnet') + {
  model+: { feedforward+: { hidden_dims: 500 } },
}
