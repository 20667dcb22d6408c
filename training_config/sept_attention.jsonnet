// "+attention" of the paper's Table 2: the attended sum of a span's pieces.
local sept = import 'sept.jsonnet';

sept {
  model+: {
    span_extractor: { type: 'concat', extractors: [{ type: 'max_pool' }, { type: 'self_attentive_sum' }] },
  },
}
