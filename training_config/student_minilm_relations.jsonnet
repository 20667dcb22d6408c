// student_minilm.jsonnet with relations, which the student learns from gold and from the teacher
// (sept_base_relations.jsonnet).
(import 'sept.jsonnet') + (import 'minilm.libsonnet') + (import 'relations.libsonnet')
+ (import 'student.libsonnet')
