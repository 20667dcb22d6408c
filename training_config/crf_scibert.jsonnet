// BiLSTM-CRF on SciBERT, which is fine-tuned.
local base = import 'base.libsonnet';
local crf = import 'crf.libsonnet';

local batch_size = 5;

crf {
  model+: {
    // A word has the vector of its first piece.
    text_field_embedder: base.model.text_field_embedder {
      token_embedders+: { tokens+: { type: 'pooled_word_pieces' } },
    },
  },
  data_loader: { batch_size: batch_size, shuffle: true },
  validation_data_loader: { batch_size: batch_size },
  trainer+: {
    optimizer: { type: 'adam', lr: 5e-5 },
    // Linear: warm-up for a twentieth of the updates, then down to nothing (to a millionth).
    learning_rate_scheduler: { type: 'slanted_triangular', cut_frac: 0.05, ratio: 1e6 },
  },
}
