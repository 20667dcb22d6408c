// student.libsonnet for a small encoder. Set SEPT_ENCODER.
(import 'student.libsonnet')(import '../student_minilm.jsonnet')
