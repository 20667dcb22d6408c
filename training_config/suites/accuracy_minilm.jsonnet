// accuracy.libsonnet for an encoder of MiniLM-L6's size, with ten epochs (half of sept_minilm.jsonnet's)
// and the encoder's own dropout. Set SEPT_ENCODER.
local fewer = { trainer+: { num_epochs: 10 } };

(import 'accuracy.libsonnet')(
  (import '../sept.jsonnet') + (import '../minilm.libsonnet') + fewer,
  function(relations, features) [
    { system: '+ relations and the three', run: 'relations_features', change: relations + features },
    {
      system: '+ length, endpoint, attention, twice the epochs',
      run: 'features_20_epochs',
      change: features { trainer+: { num_epochs: 20 } },
    },
    {
      system: "the prior's correction",
      run: 'prior',
      change: { model+: { prior_correction: 1.0 } },
    },
    {
      system: 'without dropout of attention, as shipped',
      run: 'no_attention_dropout',
      change: (import '../sept_minilm.jsonnet') + fewer,
    },
  ],
)
