// "make train": SEPT on MiniLM and the few abstracts in fixtures/, in two minutes.
local minilm = import 'sept_minilm.jsonnet';

minilm {
  trainer+: { num_epochs: 20 },
}
