// student.libsonnet on an encoder of BERT's base size, which SEPT_ENCODER is to name.
(import 'student.libsonnet')(import '../student_base.jsonnet')
