// Changes to a configuration of SEPT, in five folds of SciERC's train and dev split. The first row is
// the configuration itself.
local features = (import '../sept_all_features.jsonnet').model.span_extractor;
local with_features = { model+: { span_extractor: features } };
local relations = import '../relations.libsonnet';

// Each row has the system's name in the table, the name of its run, and the change.
local rows = [
  { system: 'SEPT', run: 'sept', change: {} },
  { system: '+ relations', run: 'relations', change: relations },
  { system: '+ length, endpoint, attention', run: 'features', change: with_features },
];

// more: returns further rows, given the changes that add relations and features
function(sept, more=function(relations, features) []) {
  local all = rows + more(relations, with_features),

  folds: 5,
  runs: { [row.run]: sept + row.change for row in all },
  tables: [
    {
      name: 'accuracy',
      title: 'Changes to SEPT, on SciERC in five folds',
      reference: 'sept',
      columns: ['precision', 'recall', 'f1', 'rel_f1', 'rel_plus_f1'],
      rows: [{ system: row.system, run: row.run } for row in all],
    },
  ],
}
