// What makes any configuration of SEPT that of a student: it learns from the gold annotation and from
// what a large model believes of texts that nobody has annotated (docs/training.md, "A large model
// teaches a small one").
//
//   (import 'sept_minilm.jsonnet') + (import 'student.libsonnet')
local annotations = std.extVar('SEPT_TEACHER_ANNOTATIONS');

// How often gold is read in an epoch, so that the teacher's texts do not outweigh it.
local gold_repeats = 4;

{
  local gold = super.train_data_path,

  dataset_reader+: { soft_labels: true },
  train_data_path: std.makeArray(gold_repeats, function(_) gold) + [annotations],
  model+: {
    // The teacher's: soft labels, which are not sampled, have the frequency of entities that it has
    // learned, and gold, which is, is to say the same.
    prior_correction: 0.0,
    // It inherits the teacher's bias towards entities; docs/results.md has the scores of others.
    decoding+: { min_score: 0.6 },
  },
  data_loader+: { batch_size: 4 },
  trainer+: {
    num_epochs: 4,
    callbacks+: ['keep_last_epoch'],
  },
}
