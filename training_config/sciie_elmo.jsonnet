// SciIE on ELMo, with the published learning rate, batch, dropout and span limit. The authors also use
// GloVe and characters, and read single sentences. Here it uses only ELMo, on whole abstracts as all
// systems here.
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
