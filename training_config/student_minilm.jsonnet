// A small student of a large teacher: SEPT on a small encoder, with the encoder's own attention
// dropout, as it was measured.
(import 'sept.jsonnet') + (import 'minilm.libsonnet') + (import 'student.libsonnet')
