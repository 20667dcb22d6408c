// SEPT with relations, with the paper's hyper-parameters for entities.
(import 'sept.jsonnet') + (import 'relations.libsonnet')
