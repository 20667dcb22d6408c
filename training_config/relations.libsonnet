// Relations between the entities, found by the same model (the paper's future work). The file is added
// to a configuration of SEPT, whose data must have relations (SciERC's 'relations').
//
//   (import 'sept_minilm.jsonnet') + (import 'relations.libsonnet')
{
  dataset_reader+: { relations: true },
  model+: {
    relations: {
      scorer: {
        type: 'pooled_context',
        feedforward: { num_layers: 1, hidden_dims: 256, activations: 'relu', dropout: 0.3 },
      },
      sampler: { type: 'random_negatives', num_negatives: 100 },
      symmetric_labels: ['COMPARE', 'CONJUNCTION'],
    },
  },
  trainer+: {
    // The best epoch has the highest sum.
    validation_metric: ['+f1', '+rel_f1'],
  },
}
