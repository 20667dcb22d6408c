// What does finding relations do to the entities, and how well are they found? SEPT alone and with
// relations, on SciERC and an encoder of the size of MiniLM-L6, which SEPT_ENCODER is to name.
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
