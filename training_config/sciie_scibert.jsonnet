// SciIE on SciBERT. Learning rate, schedule and batch, which are not published, are those of the
// BiLSTM-CRF on SciBERT.
local base = import 'base.libsonnet';
local sciie = import 'sciie.libsonnet';

local batch_size = 5;

sciie {
  model+: {
    text_field_embedder: base.model.text_field_embedder {
      token_embedders+: { tokens+: { type: 'pooled_word_pieces' } },
    },
    max_span_width: 12,
  },
  data_loader: { batch_size: batch_size, shuffle: true },
  validation_data_loader: { batch_size: batch_size },
  trainer+: {
    optimizer: { type: 'adam', lr: 5e-5 },
    // Linear: warm-up for a twentieth of the updates, then down to nothing (to a millionth).
    learning_rate_scheduler: { type: 'slanted_triangular', cut_frac: 0.05, ratio: 1e6 },
  },
}
