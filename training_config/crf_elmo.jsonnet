// BiLSTM-CRF on ELMo, which stays as it is but for the weights of its layers. The authors' own run
// reads GloVe beside it; here it is ELMo alone, over whole abstracts,
// as all systems here get them, and what is trained is trained as on GloVe.
local crf = import 'crf.libsonnet';
local elmo = import 'elmo.libsonnet';

local batch_size = 20;

crf + elmo + {
  data_loader: { batch_size: batch_size, shuffle: true },
  validation_data_loader: { batch_size: batch_size },
  trainer+: {
    optimizer: { type: 'adam', lr: 2e-3 },
    learning_rate_scheduler: { type: 'step', step_size: 50, gamma: 0.1 },
  },
}
