// The paper's Table 1, Table 2 and Figure 2 (SciERC alone) for an encoder of BERT's base size, with the
// settings recommended for it. Set SEPT_ENCODER. It needs a GPU, or two CPU cores and a night for each
// system.
(import 'paper.libsonnet')(
  of_sept=import '../base_size.libsonnet',
  of_other=import '../base_size_training.libsonnet',
  on_words=false,
  sets=[],
)
