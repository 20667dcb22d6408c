// SEPT with and without relations, on SciERC, for an encoder of MiniLM-L6's size. Set SEPT_ENCODER.
{
  runs: {
    sept: import '../sept_minilm.jsonnet',
    sept_relations: import '../sept_minilm_relations.jsonnet',
  },
  tables: [
    {
      name: 'relations',
      title: 'Entities and relations on SciERC',
      reference: 'sept',
      columns: ['f1', 'rel_f1', 'rel_plus_f1'],
      rows: [
        { system: 'SEPT', run: 'sept' },
        { system: 'SEPT + relations', run: 'sept_relations' },
      ],
    },
  ],
}
