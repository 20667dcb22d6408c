// SEPT on a small encoder, for 20 to 100 annotated documents, or for a few minutes of training: three on
// two CPU cores. Start from an encoder that knows the field, such as that of models/scierc.tar.gz
// (docs/training.md).
local updates = 600;
local num_epochs = 4;

(import 'sept_minilm.jsonnet') + {
  // An epoch is a number of updates, however few the documents are.
  data_loader+: { batches_per_epoch: updates / num_epochs },
  // docs/experiments.md has how these values and the learning rates were chosen.
  model+: {
    // With the maximum alone, one pass over SciERC gives half of the F1.
    span_extractor: (import 'sept_endpoint.jsonnet').model.span_extractor,
    feedforward+: { dropout: 0.1 },
    span_sampler+: { num_negatives: 500 },
  },
  trainer+: {
    num_epochs: num_epochs,
    optimizer+: { lr: 5e-3, parameter_groups: [[['transformer_model'], { lr: 2.5e-4 }]] },
    // An average over the last hundred updates, instead of five hundred.
    moving_average+: { decay: 0.99 },
    // A few documents of validation data cannot tell which epoch is the best.
    callbacks+: ['keep_last_epoch'],
  },
}
