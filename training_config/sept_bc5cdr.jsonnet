// The paper's model and hyper-parameters on BC5CDR (Figure 2).
(import 'sept.jsonnet') + (import 'conll.libsonnet')('bc5cdr')
