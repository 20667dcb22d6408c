// The BiLSTM-CRF, a baseline in Table 1, with the hyper-parameters of the authors' runs, but with as
// many epochs as SEPT. A variant adds the word embeddings, the batch and the schedule.
local base = import 'base.libsonnet';

base {
  model: {
    type: 'strict_crf_tagger',
    text_field_embedder: error 'model.text_field_embedder must be given',
    encoder: { type: 'lstm', hidden_size: 200, num_layers: 2, bidirectional: true, dropout: 0.5 },
    dropout: 0.5,
  },
  trainer+: {
    num_epochs: 150,
    patience: 10,
    grad_norm: 5.0,
  },
}
