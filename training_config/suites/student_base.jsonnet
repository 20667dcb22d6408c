// student.libsonnet for an encoder of BERT's base size. Set SEPT_ENCODER.
(import 'student.libsonnet')(import '../student_base.jsonnet')
