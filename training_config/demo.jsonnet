// "make train": SEPT on MiniLM and the few abstracts in fixtures/, in two minutes. Weights are not
// averaged over so few updates.
local minilm = import 'sept_minilm.jsonnet';

minilm {
  data_loader+: { batch_size: 1 },
  trainer+: { num_epochs: 15, moving_average: null },
}
