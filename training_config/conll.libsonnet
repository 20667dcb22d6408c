// What a data set in CoNLL's column format changes in a configuration of SEPT or a baseline: which files
// are read and how, and that entities do not overlap, which tags cannot express.
//
//   (import 'sept_minilm.jsonnet') + (import 'conll.libsonnet')('NCBI-disease')
//
// The name is that of a folder with train.txt and dev.txt; SEPT_CONLL says where it lies.
local folder = std.extVar('SEPT_CONLL');

function(name) {
  dataset_reader+: { type: 'conll' },
  train_data_path: folder + '/' + name + '/train.txt',
  validation_data_path: folder + '/' + name + '/dev.txt',
  model+: { decoding+: { flat: true } },
}
