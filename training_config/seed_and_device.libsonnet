// What the environment says of every training, whatever is trained: its seed, and on which device.
local seed = std.parseInt(std.extVar('SEPT_SEED'));
local device = std.extVar('SEPT_DEVICE');

{
  random_seed: seed,
  numpy_seed: seed,
  pytorch_seed: seed,

  trainer: {
    [if device != 'auto' then 'cuda_device']: std.parseInt(device),
  },
}
