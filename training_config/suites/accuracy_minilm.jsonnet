// accuracy.libsonnet on an encoder of the size of MiniLM-L6, which SEPT_ENCODER is to name: ten
// epochs, and other ways to train.
local accuracy = import 'accuracy.libsonnet';
local sept = import '../sept_minilm.jsonnet';

local encoder_rate(rate) = {
  trainer+: { optimizer+: { parameter_groups: [[['transformer_model'], { lr: rate }]] } },
};

accuracy(sept { trainer+: { num_epochs: 10 } }, [
  { system: '20 epochs', run: 'epochs_20', change: { trainer+: { num_epochs: 20 } } },
  { system: 'encoder learns twice as fast', run: 'rate_2e-4', change: encoder_rate(2e-4) },
  { system: "the prior's correction", run: 'prior', change: { model+: { prior_correction: 1.0 } } },
  {
    system: '500 negatives',
    run: 'negatives_500',
    change: { model+: { span_sampler: { type: 'random_negatives', num_negatives: 500 } } },
  },
])
