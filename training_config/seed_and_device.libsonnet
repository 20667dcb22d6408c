// The seed and the device of every training, from the environment.
local seed = std.parseInt(std.extVar('SEPT_SEED'));
local device = std.extVar('SEPT_DEVICE');
// Undefined where the plugin is not loaded; jsonnet's message then holds this name.
local plugin =
  'the plugin sept_allennlp is not loaded. Run the command in a folder with the file ' +
  '.allennlp_plugins, or add --include-package sept_allennlp';

{
  assert std.extVar(plugin) == '',

  random_seed: seed,
  numpy_seed: seed,
  pytorch_seed: seed,

  trainer: {
    // AllenNLP's checks refuse biases before normalizations, which pre-trained encoders such as MPNet,
    // RoBERTa and ALBERT have.
    run_confidence_checks: false,
    [if device != 'auto' then 'cuda_device']: std.parseInt(device),
  },
}
