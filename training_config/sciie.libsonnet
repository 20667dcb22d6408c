// SciIE (Luan et al. 2018) without relations, the span-based baseline in Table 1. A variant adds
// the word embeddings, the learning rate and the batch.
local base = import 'base.libsonnet';

local mlp = { num_layers: 2, hidden_dims: 150, activations: 'relu', dropout: 0.4 };

base {
  local max_span_width = self.model.max_span_width,

  model: {
    type: 'sciie',
    text_field_embedder: error 'model.text_field_embedder must be given',
    context_layer: { type: 'lstm', hidden_size: 200, bidirectional: true },
    max_span_width: error 'model.max_span_width must be given',
    span_extractor: {
      type: 'concat',
      extractors: [
        { type: 'endpoint', combination: 'x,y' },
        { type: 'span_width', embedding_dim: 200, max_width: max_span_width },
      ],
    },
    // Over the word embeddings instead of the LSTM's output, as in Lee et al. (2017).
    head_extractor: { type: 'self_attentive_sum' },
    mention_feedforward: mlp,
    ner_feedforward: mlp,
    spans_per_word: 0.4,
    lexical_dropout: 0.5,
  },
  trainer+: {
    num_epochs: 150,
    patience: 10,
    grad_norm: 5.0,
  },
}
