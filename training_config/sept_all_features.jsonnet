// All three features of the paper's Table 2 at once.
local sept = import 'sept.jsonnet';

sept {
  model+: {
    span_extractor: {
      type: 'concat',
      extractors: [
        { type: 'max_pool' },
        { type: 'span_width' },
        { type: 'endpoint' },
        { type: 'self_attentive_sum' },
      ],
    },
  },
}
