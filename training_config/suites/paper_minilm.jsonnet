// The paper's tables and figure for an encoder of the size of MiniLM-L6, which SEPT_ENCODER is to
// name, and two CPU cores: all systems on SciERC alike with half of sept_minilm.jsonnet's epochs;
// NCBI-disease, three times as large, for 4 epochs.
local fewer = { trainer+: { num_epochs: 10 } };

(import 'paper.libsonnet')(
  of_sept=(import '../minilm.libsonnet') + fewer,
  of_other=(import '../minilm_training.libsonnet') + fewer,
  on_words=false,
  sets=['NCBI-disease'],
  of_set={ trainer+: { num_epochs: 4 } },
)
