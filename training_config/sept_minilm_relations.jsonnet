// SEPT with relations on a small encoder that two CPU cores can fine-tune.
(import 'sept_minilm.jsonnet') + (import 'relations.libsonnet')
