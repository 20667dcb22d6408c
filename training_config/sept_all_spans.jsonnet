// SEPT without under-sampling: every candidate is trained on (Table 1; "all" in Figure 2).
local sept = import 'sept.jsonnet';

sept {
  model+: { span_sampler: { type: 'all_spans' } },
}
