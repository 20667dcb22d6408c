// accuracy.libsonnet on an encoder of BERT's base size, which SEPT_ENCODER is to name.
local accuracy = import 'accuracy.libsonnet';

local encoder_rate(rate) = {
  trainer+: { optimizer+: { parameter_groups: [[['transformer_model'], { lr: rate }]] } },
};

accuracy(import '../sept_base.jsonnet', [
  { system: '20 epochs', run: 'epochs_20', change: { trainer+: { num_epochs: 20 } } },
  { system: 'encoder learns twice as fast', run: 'rate_1e-4', change: encoder_rate(1e-4) },
])
