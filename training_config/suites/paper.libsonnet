// The paper's Table 1, Table 2 and Figure 2, for 'allennlp sept-suite' and 'allennlp sept-tables'.
// SEPT_ENCODER chooses the encoder; the tables name the encoder of the runs.
//
// of_sept:  changes to every run of SEPT, for example for another encoder
// of_other: changes to the other systems on that encoder
// on_words: whether to train the systems on GloVe and ELMo as well
// sets:     the data sets of Figure 2 other than SciERC
// of_set:   further changes to the runs of SEPT on those
function(
  of_sept={},
  of_other={},
  on_words=true,
  sets=['bc5cdr', 'NCBI-disease', 'JNLPBA'],
  of_set={}
) {
  local sept = (import '../sept.jsonnet') + of_sept,
  local conll = import '../conll.libsonnet',

  // Each row has the system's name in the table, the name of its run, the run's configuration, and the
  // paper's figures. A run in several tables is trained once.
  local f1(value) = { f1: value },
  local scores(precision, recall, f1) = { precision: precision, recall: recall, f1: f1 },
  local table1 = (if on_words then [
    {
      system: 'BiLSTM-CRF, GloVe',
      run: 'crf_glove',
      config: import '../crf_glove.jsonnet',
      paper: scores(0.521, 0.506, 0.513),
    },
    {
      system: 'BiLSTM-CRF, ELMo',
      run: 'crf_elmo',
      config: import '../crf_elmo.jsonnet',
      paper: scores(0.577, 0.590, 0.583),
    },
  ] else []) + [
    {
      system: 'BiLSTM-CRF, encoder',
      run: 'crf',
      config: (import '../crf_scibert.jsonnet') + of_other,
      paper: scores(0.635, 0.684, 0.659),
    },
  ] + (if on_words then [
    {
      system: 'SciIE, ELMo',
      run: 'sciie_elmo',
      config: import '../sciie_elmo.jsonnet',
      paper: scores(0.604, 0.624, 0.613),
    },
  ] else []) + [
    {
      system: 'SciIE, encoder',
      run: 'sciie',
      config: (import '../sciie_scibert.jsonnet') + of_other,
      paper: scores(0.651, 0.677, 0.664),
    },
    {
      system: 'SEPT without under-sampling, encoder',
      run: 'sept_all_spans',
      config: (import '../sept_all_spans.jsonnet') + of_sept,
      paper: {},
    },
    { system: 'SEPT, encoder', run: 'sept', config: sept, paper: scores(0.642, 0.716, 0.677) },
  ],
  local ablation(added, run, config, paper) =
    { system: 'SEPT ' + added, run: run, config: config + of_sept, paper: paper },
  local table2 = [
    { system: 'SEPT', run: 'sept', config: sept, paper: f1(0.677) },
    ablation('+ length', 'sept_length', import '../sept_length.jsonnet', f1(0.664)),
    ablation('+ endpoint', 'sept_endpoint', import '../sept_endpoint.jsonnet', f1(0.674)),
    ablation('+ attention', 'sept_attention', import '../sept_attention.jsonnet', f1(0.674)),
    ablation('+ all three', 'sept_all_features', import '../sept_all_features.jsonnet', {}),
  ],

  // Each data set has its name, the name of its runs, and SEPT's configuration.
  local data_sets = [
    { label: 'SciERC', run: 'sept', config: sept },
  ] + [
    {
      label: set,
      run: 'sept_' + std.strReplace(std.asciiLower(set), '-', '_'),
      config: sept + conll(set) + of_set,
    }
    for set in sets
  ],
  // 250 is the number in the configurations.
  local negatives = [50, 100, 250, 500, 'all'],
  local suffix(x) = if x == 250 then '' else if x == 'all' then '_all_spans' else '_p%d' % x,
  local sampling(x) = {
    model+: {
      span_sampler:
        if x == 'all' then { type: 'all_spans' }
        else { type: 'random_negatives', num_negatives: x },
    },
  },

  local points = [
    { run: set.run + suffix(x), config: set.config + sampling(x) }
    for set in data_sets
    for x in negatives
  ],

  local rows(table) = [{ system: row.system, run: row.run, paper: row.paper } for row in table],
  local with(runs, place) =
    assert !std.objectHas(runs, place.run) || runs[place.run] == place.config :
           "two configurations for the run '" + place.run + "'";
    runs { [place.run]: place.config },

  runs: std.foldl(with, table1 + table2 + points, {}),

  tables: [
    {
      name: 'table1',
      title: 'Table 1: systems on SciERC',
      reference: 'sept',
      [if on_words then 'paper']: "the paper's: test split, encoder: SciBERT",
      rows: rows(table1),
    },
    {
      name: 'table2',
      title: "Table 2: what is added to SEPT's span representation, on SciERC",
      reference: 'sept',
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
