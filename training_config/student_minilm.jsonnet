// A small student of a large teacher: SEPT on a small encoder, taught by a large model; with the
// encoder's own dropout of attention, as it was measured.
(import 'sept.jsonnet') + (import 'minilm.libsonnet') + (import 'student.libsonnet')
