// The paper's tables and figure with its own settings: SciBERT (or SEPT_ENCODER), up to 150 epochs.
(import 'paper.libsonnet')()
