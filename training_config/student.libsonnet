// Turns any configuration of SEPT into that of a student, which learns from the gold annotation and
// from a large model's soft labels of other texts (docs/training.md, "A large model teaches a small
// one").
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
    // As the teacher's. Soft labels, which are not sampled, have the frequency of entities that the
    // teacher learned; sampled gold labels should have the same.
    prior_correction: 0.0,
    // The student inherits the teacher's bias towards entities; see docs/results.md for other values.
    decoding+: { min_score: 0.6 },
  },
  data_loader+: { batch_size: 4 },
  trainer+: {
    num_epochs: 4,
    callbacks+: ['keep_last_epoch'],
  },
}
