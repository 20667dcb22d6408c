// What a small encoder (MiniLM-L6, 384 wide) changes in a configuration of SEPT, so that two CPU
// cores can fine-tune it: a smaller head, larger steps, fewer epochs, and what keeps it steady on
// 350 abstracts: averaged weights, more dropout. docs/results.md says what was tried.
local encoder_learning_rate = 1e-4;
local head_learning_rate = 1e-3;

{
  model+: {
    feedforward+: { num_layers: 1, hidden_dims: 256, dropout: 0.3 },
    embedding_dropout: 0.2,
    // SciERC has an overlapping pair in a hundred entities, a small model predicts many more.
    decoding: { flat: true },
  },
  data_loader+: { batch_size: 2 },
  validation_data_loader+: { batch_size: 8 },
  trainer+: {
    num_epochs: 20,
    patience: null,
    optimizer: {
      type: 'fused_adamw',
      lr: head_learning_rate,
      weight_decay: 0.01,
      parameter_groups: [[['transformer_model'], { lr: encoder_learning_rate }]],
    },
    learning_rate_scheduler+: { ratio: 32 },
    moving_average: { type: 'recoverable_exponential', decay: 0.998 },
  },
}
