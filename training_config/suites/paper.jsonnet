// The paper's tables and figure with its own settings: SciBERT, up to 150 epochs.
(import 'paper.libsonnet')('SciBERT')
