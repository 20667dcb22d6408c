// student.libsonnet on a small encoder, which SEPT_ENCODER is to name.
(import 'student.libsonnet')(import '../student_minilm.jsonnet')
