// "+endpoint" of the paper's Table 2: the embeddings of a span's first and last piece.
local sept = import 'sept.jsonnet';

sept {
  model+: { span_extractor: { type: 'concat', extractors: [{ type: 'max_pool' }, { type: 'endpoint' }] } },
}
