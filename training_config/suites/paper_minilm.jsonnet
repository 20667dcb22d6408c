// The paper's tables and figure with MiniLM-L6 in SciBERT's place, for two CPU cores: half of
// sept_minilm.jsonnet's epochs, for all systems alike. NCBI-disease is three times as large,
// so it is trained for fewer epochs.
local fewer = { trainer+: { num_epochs: 10 } };

(import 'paper.libsonnet')(
  'MiniLM',
  of_sept=(import '../minilm.libsonnet') + fewer,
  of_other=(import '../minilm_training.libsonnet') + fewer,
  on_words=false,
  sets=['NCBI-disease'],
  of_set={ trainer+: { num_epochs: 4 } },
)
