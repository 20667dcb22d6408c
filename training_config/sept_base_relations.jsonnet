// sept_base.jsonnet with relations: the teacher of student_minilm_relations.jsonnet.
(import 'sept_base.jsonnet') + (import 'relations.libsonnet')
