// The paper's Table 1, Table 2 and Figure 2, for 'allennlp sept-suite' and 'allennlp sept-tables'.
//
// encoder: what the tables call the pre-trained encoder
// adapt:   what is changed in every run of SEPT, for example what another encoder needs
function(encoder, adapt={}) {
  local sept = (import '../sept.jsonnet') + adapt,

  // One line a row: what the table calls the system, the name of its run, the run's configuration,
  // and the paper's figures. A run that several tables show is trained once.
  local f1(value) = { f1: value },
  local scores(precision, recall, f1) = { precision: precision, recall: recall, f1: f1 },
  local table1 = [
    { system: 'SEPT, ' + encoder, run: 'sept', config: sept, paper: scores(0.642, 0.716, 0.677) },
  ],
  local table2 = [
    { system: 'SEPT', run: 'sept', config: sept, paper: f1(0.677) },
  ],

  // One line a data set: its name, the name of its runs, and SEPT's configuration for it.
  local data_sets = [
    { label: 'SciERC', run: 'sept', config: sept },
  ],
  // 250 is what the configurations themselves draw.
  local negatives = [50, 100, 250, 500, 'all'],
  local suffix(x) = if x == 250 then '' else if x == 'all' then '_all_spans' else '_p%d' % x,
  local sampling(x) = {
    model+: {
      span_sampler:
        if x == 'all' then { type: 'all_spans' }
        else { type: 'random_negatives', num_negatives: x },
    },
  },

  local rows(table) = [{ system: row.system, run: row.run, paper: row.paper } for row in table],
  local runs(table) = { [row.run]: row.config for row in table },

  runs: runs(table1) + runs(table2) + {
    [set.run + suffix(x)]: set.config + sampling(x)
    for set in data_sets
    for x in negatives
  },

  tables: [
    { name: 'table1', title: 'Table 1: systems on SciERC', rows: rows(table1) },
    {
      name: 'table2',
      title: "Table 2: what is added to SEPT's span representation, on SciERC",
      rows: rows(table2),
    },
  ],

  figures: [
    {
      name: 'figure2',
      title: 'Figure 2: F1 against the number of sampled negatives',
      x_label: 'negatives per document',
      lines: [
        { label: set.label, points: [{ x: x, run: set.run + suffix(x) } for x in negatives] }
        for set in data_sets
      ],
    },
  ],
}
