// "+length" of the paper's Table 2.
local sept = import 'sept.jsonnet';

sept {
  model+: { span_extractor: { type: 'concat', extractors: [{ type: 'max_pool' }, { type: 'span_width' }] } },
}
