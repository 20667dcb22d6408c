// Adaptation of an encoder to a domain by masked language modeling on texts without annotation
// (docs/training.md, "An encoder for your domain"). It improves SEPT on MiniLM by three points of F1
// (docs/results.md).
local encoder = std.extVar('SEPT_ENCODER');

(import 'seed_and_device.libsonnet') + {
  dataset_reader: { type: 'text_blocks', model_name: encoder },
  train_data_path: std.extVar('SEPT_TEXTS'),
  // The indices of the pieces are those of the encoder.
  vocabulary: { type: 'empty' },
  model: {
    type: 'masked_lm',
    model_name: encoder,
    // Without dropout: so few passes over so many texts do not overfit, and on a CPU dropout takes as
    // long as the rest of an update. The written encoder keeps its own dropout.
    dropout: 0.0,
  },
  data_loader: {
    batch_size: 16,
    shuffle: true,
    collate_fn: { type: 'mlm_collator', model_name: encoder },
  },
  trainer+: {
    num_epochs: 6,
    // 32 blocks, or some 8,000 pieces, for each update.
    num_gradient_accumulation_steps: 2,
    grad_norm: 1.0,
    optimizer: {
      type: 'fused_adamw',
      lr: 5e-4,
      betas: [0.9, 0.98],
      eps: 1e-6,
      weight_decay: 0.01,
    },
    learning_rate_scheduler: { type: 'slanted_triangular', cut_frac: 0.06, ratio: 1000 },
    callbacks: ['write_encoder', 'reproducible_randomness'],
  },
}
