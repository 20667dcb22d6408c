// student_minilm.jsonnet in five folds of SciERC's train and dev split: a small encoder, taught by a
// teacher of each fold that has not seen it either (docs/experiments.md, "Folds").
{
  folds: 5,
  runs: { student: import '../student_minilm.jsonnet' },
  tables: [
    {
      name: 'student',
      title: 'Taught by a large model, on SciERC in five folds',
      rows: [{ system: 'SEPT, taught', run: 'student' }],
    },
  ],
}
