// accuracy.libsonnet for an encoder of BERT's base size. Set SEPT_ENCODER.
(import 'accuracy.libsonnet')((import '../sept.jsonnet') + (import '../base_size.libsonnet'))
