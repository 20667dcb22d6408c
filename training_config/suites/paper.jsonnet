// The paper's tables and figure with its own settings: SciBERT unless SEPT_ENCODER says otherwise,
// up to 150 epochs.
(import 'paper.libsonnet')()
