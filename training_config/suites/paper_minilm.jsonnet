// The paper's tables and figure with MiniLM-L6 in SciBERT's place, for two CPU cores: half of
// sept_minilm.jsonnet's epochs, for all systems alike.
local adapt = (import '../minilm.libsonnet') + { trainer+: { num_epochs: 10 } };

(import 'paper.libsonnet')('MiniLM', adapt)
