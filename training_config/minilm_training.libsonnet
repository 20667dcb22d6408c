// The training of any model on a small encoder (MiniLM-L6, 384 wide), for two CPU cores: a higher
// learning rate, fewer epochs, and averaged weights, which make it stable on 350 abstracts.
local encoder_learning_rate = 1e-4;
local head_learning_rate = 1e-3;

{
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
    // Linear: warm-up for a tenth of the updates, then down to a thirty-second.
    learning_rate_scheduler: { type: 'slanted_triangular', cut_frac: 0.1, ratio: 32 },
    moving_average: { type: 'recoverable_exponential', decay: 0.998 },
  },
}
