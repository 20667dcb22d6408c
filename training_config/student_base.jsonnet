// A student as large as its teacher: SEPT on an encoder of BERT's base size. In folds it is better than
// its teacher (docs/results.md).
(import 'sept_base.jsonnet') + (import 'student.libsonnet') + {
  trainer+: { num_epochs: 2 },
}
