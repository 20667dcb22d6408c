// SEPT as published: the paper's model with the hyper-parameters of the authors' runs.
local base = import 'base.libsonnet';

local num_epochs = 150;
local batch_size = 5;
local hidden_layers = 3;

base {
  model+: {
    // In words; the authors count word pieces. 12 covers all of SciERC's training entities but one.
    max_span_width: 12,
    span_sampler: { type: 'random_negatives', num_negatives: 250 },
    span_extractor: { type: 'max_pool' },
    feedforward: {
      num_layers: hidden_layers,
      hidden_dims: 500,
      activations: 'relu',
      dropout: 0.1,
    },
    embedding_dropout: 0.1,
  },
  data_loader: { batch_size: batch_size, shuffle: true },
  validation_data_loader: { batch_size: batch_size },
  trainer+: {
    callbacks+: ['calibrate_scores'],
    num_epochs: num_epochs,
    patience: 10,
    grad_norm: 5.0,
    optimizer: { type: 'adam', lr: 2e-5 },
    // Linear: warm-up for a tenth of the updates, then down to nothing (to a millionth).
    learning_rate_scheduler: { type: 'slanted_triangular', cut_frac: 0.1, ratio: 1e6 },
  },
}
