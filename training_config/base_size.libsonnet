// What an encoder of BERT's base size changes in a configuration of SEPT: how it is trained, and a
// wider head than a small one has. docs/results.md says what came of it. One GPU does it in minutes,
// two CPU cores in an hour or two.
(import 'minilm.libsonnet') + (import 'base_size_training.libsonnet') + {
  model+: { feedforward+: { hidden_dims: 500 } },
}
