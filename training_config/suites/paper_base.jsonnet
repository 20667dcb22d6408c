// The paper's Table 1 and Table 2 for an encoder of BERT's base size, which SEPT_ENCODER is to name,
// by the settings that are recommended for it; of Figure 2 what SciERC has. One GPU, or two CPU cores
// and a night for each system.
(import 'paper.libsonnet')(
  of_sept=import '../base_size.libsonnet',
  of_other=import '../base_size_training.libsonnet',
  on_words=false,
  sets=[],
)
