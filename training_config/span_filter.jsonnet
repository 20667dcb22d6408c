// The paper's span filter: its own encoder, and an MLP over each span's maximum and width, with the
// hyper-parameters of the authors' runs. It costs more time than it saves, because a second encoder
// runs; span_filter_light.jsonnet saves time.
local filter = import 'span_filter.libsonnet';
local sept = import 'sept.jsonnet';

filter {
  model+: {
    scorer: {
      type: 'pooled',
      span_extractor: {
        type: 'concat',
        extractors: [{ type: 'max_pool' }, { type: 'span_width', embedding_dim: 200 }],
      },
      feedforward: { num_layers: 2, hidden_dims: 150, activations: 'relu', dropout: 0.1 },
    },
    embedding_dropout: 0.1,
  },
  data_loader: sept.data_loader,
  validation_data_loader: sept.validation_data_loader,
  trainer+: {
    num_epochs: 10,
    patience: 3,
    grad_norm: 5.0,
    optimizer: { type: 'adam', lr: 5e-5 },
    learning_rate_scheduler: sept.trainer.learning_rate_scheduler,
  },
}
