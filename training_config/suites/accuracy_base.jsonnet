// accuracy.libsonnet on an encoder of BERT's base size, which SEPT_ENCODER is to name.
(import 'accuracy.libsonnet')((import '../sept.jsonnet') + (import '../base_size.libsonnet'))
