// SciIE on ELMo, with the published step size, batch, dropout and span limit. The authors read GloVe and
// characters beside it, and each sentence by itself; here it is ELMo alone, over whole abstracts,
// as all systems here get them.
local elmo = import 'elmo.libsonnet';
local sciie = import 'sciie.libsonnet';

local batch_size = 20;

sciie + elmo + {
  model+: { max_span_width: 8 },
  data_loader: { batch_size: batch_size, shuffle: true },
  validation_data_loader: { batch_size: batch_size },
  trainer+: {
    optimizer: { type: 'adam', lr: 1e-3 },
  },
}
