// SEPT on a small encoder, which two CPU cores can fine-tune.
(import 'sept.jsonnet') + (import 'minilm.libsonnet')
