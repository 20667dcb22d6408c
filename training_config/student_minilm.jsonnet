// A small student of a large teacher: SEPT on a small encoder, taught by a large model.
(import 'sept_minilm.jsonnet') + (import 'student.libsonnet')
