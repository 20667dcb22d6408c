// A student in five folds of SciERC's train and dev split, taught by a teacher of each fold that has
// not seen it either (docs/experiments.md, "Folds").
function(student) {
  folds: 5,
  runs: { student: student },
  tables: [
    {
      name: 'student',
      title: 'Taught by a large model, on SciERC in five folds',
      rows: [{ system: 'SEPT, taught', run: 'student' }],
    },
  ],
}
