// A span filter that saves time. It uses only the encoder's table of input embeddings, which is not
// trained, two small convolutions, and scores of a span's start, end, width and pair of ends.
local filter = import 'span_filter.libsonnet';

filter {
  model+: {
    text_field_embedder: {
      token_embedders: {
        tokens: filter.model.text_field_embedder.token_embedders.tokens { type: 'static_word_pieces' },
      },
    },
    scorer: { type: 'start_end_width' },
  },
  data_loader: { batch_size: 4, shuffle: true },
  validation_data_loader: { batch_size: 16 },
  trainer+: {
    num_epochs: 10,
    grad_norm: 5.0,
    optimizer: { type: 'fused_adamw', lr: 1e-3, weight_decay: 0.01 },
    learning_rate_scheduler: { type: 'slanted_triangular', cut_frac: 0.1, ratio: 32 },
  },
}
