// Changes of a configuration of SEPT or a baseline for a data set in CoNLL's column format: the
// files, the reader, and entities without overlaps, which tags cannot express.
//
//   (import 'sept_minilm.jsonnet') + (import 'conll.libsonnet')('NCBI-disease')
//
// The name is that of a folder in SEPT_CONLL with train.txt and dev.txt.
local folder = std.extVar('SEPT_CONLL');

function(name) {
  dataset_reader+: { type: 'conll' },
  train_data_path: folder + '/' + name + '/train.txt',
  validation_data_path: folder + '/' + name + '/dev.txt',
  model+: { decoding+: { flat: true } },
}
