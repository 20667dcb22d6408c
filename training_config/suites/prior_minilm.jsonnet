// Does it help to correct the bias that under-sampling has (model.prior_correction)? SEPT on an
// encoder of the size of MiniLM-L6, which SEPT_ENCODER is to name, with none of the correction, half
// of it and all of it, in five folds of SciERC's train and dev split.
local sept = (import '../sept_minilm.jsonnet') + { trainer+: { num_epochs: 10 } };

// One line a row: what the table calls the system, the name of its run, and how much is corrected.
local rows = [
  { system: 'SEPT', run: 'sept', correction: 0.0 },
  { system: 'SEPT, half of the correction', run: 'sept_prior_half', correction: 0.5 },
  { system: 'SEPT, the correction', run: 'sept_prior', correction: 1.0 },
];

{
  folds: 5,
  runs: { [row.run]: sept { model+: { prior_correction: row.correction } } for row in rows },
  tables: [
    {
      name: 'prior',
      title: "The prior's correction, on SciERC",
      reference: 'sept',
      rows: [{ system: row.system, run: row.run } for row in rows],
    },
  ],
}
