// The base of every configuration. The file of a variant holds only the differences.
//
// Environment variables select encoder, data, seed and device. The plugin has their defaults
// (sept_allennlp/training/config_defaults.py).
local encoder = std.extVar('SEPT_ENCODER');
local data = std.extVar('SEPT_DATA');

(import 'seed_and_device.libsonnet') + {
  dataset_reader: {
    type: 'scierc',
    token_indexers: { tokens: { type: 'word_pieces', model_name: encoder } },
  },
  train_data_path: data + '/train.json',
  validation_data_path: data + '/dev.json',

  model: {
    type: 'sept',
    text_field_embedder: {
      token_embedders: { tokens: { type: 'word_pieces', model_name: encoder } },
    },
    span_extractor: error 'model.span_extractor must be given',
    feedforward: error 'model.feedforward must be given',
  },

  data_loader: error 'data_loader must be given',

  trainer+: {
    num_epochs: error 'trainer.num_epochs must be given',
    optimizer: error 'trainer.optimizer must be given',
    validation_metric: '+f1',
    callbacks: [
      { type: 'check_data', strict: std.extVar('SEPT_STRICT') == 'true' },
      'archive_encoder',
      'reproducible_randomness',
      'keep_predictions',
    ],
  },
}
