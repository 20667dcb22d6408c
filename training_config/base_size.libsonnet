// What an encoder of BERT's base size (SciBERT, MPNet: 768 wide, 110 million parameters) changes in
// a configuration of SEPT. As for a small encoder, but smaller steps, fewer epochs and a wider head;
// docs/results.md says what came of it. One GPU does it in minutes, two CPU cores in an hour or two.
(import 'minilm.libsonnet') + {
  model+: { feedforward+: { hidden_dims: 500 } },
  data_loader+: { batch_size: 4 },
  trainer+: {
    num_epochs: 12,
    optimizer+: { parameter_groups: [[['transformer_model'], { lr: 5e-5 }]] },
  },
}
