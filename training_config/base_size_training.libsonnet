// The training of any model on an encoder of BERT's base size (SciBERT, MPNet: 768 wide, 110 million
// parameters): as on a small one, but with a lower learning rate and fewer epochs.
(import 'minilm_training.libsonnet') + {
  data_loader+: { batch_size: 4 },
  trainer+: {
    num_epochs: 12,
    optimizer+: { parameter_groups: [[['transformer_model'], { lr: 5e-5 }]] },
  },
}
