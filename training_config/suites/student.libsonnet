// A student in five folds of SciERC's train and dev split. The teacher of each fold has not seen the
// fold either (docs/experiments.md, "Cross-validation").
function(student) {
  folds: 5,
  runs: { student: student },
  tables: [
    {
      name: 'student',
      title: 'Taught by a large model, on SciERC in five folds',
      rows: [{ system: 'SEPT, student', run: 'student' }],
    },
  ],
}
