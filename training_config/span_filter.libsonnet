// The base of the span filters (paper, section 3.5).
local base = import 'base.libsonnet';
local sept = import 'sept.jsonnet';

base {
  model: {
    type: 'span_filter',
    text_field_embedder: base.model.text_field_embedder,
    scorer: error 'model.scorer must be given',
    // Must equal that of the SEPT model that uses the filter.
    max_span_width: sept.model.max_span_width,
    threshold: { recall: 0.99 },
  },
  trainer+: {
    callbacks+: ['calibrate_threshold'],
    validation_metric: '+filtration_rate_at_99_recall',
  },
}
