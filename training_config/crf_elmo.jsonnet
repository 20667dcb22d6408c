// BiLSTM-CRF on ELMo, of which only the weights of the layers are trained. The authors also use GloVe.
// Here it uses only ELMo, on whole abstracts as all systems here, and is trained as on GloVe.
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
