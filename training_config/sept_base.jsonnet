// SEPT as recommended for an encoder of BERT's base size; sept.jsonnet has the paper's settings.
(import 'sept.jsonnet') + (import 'base_size.libsonnet')
