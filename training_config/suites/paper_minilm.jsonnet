// The paper's tables and figure for an encoder of MiniLM-L6's size and two CPU cores: on SciERC all
// systems have half of sept_minilm.jsonnet's epochs; NCBI-disease, three times as large, has 4. Set
// SEPT_ENCODER.
local fewer = { trainer+: { num_epochs: 10 } };

(import 'paper.libsonnet')(
  of_sept=(import '../minilm.libsonnet') + fewer,
  of_other=(import '../minilm_training.libsonnet') + fewer,
  on_words=false,
  sets=['NCBI-disease'],
  of_set={ trainer+: { num_epochs: 4 } },
)
