// The paper's model and hyper-parameters on NCBI-disease (Figure 2).
(import 'sept.jsonnet') + (import 'conll.libsonnet')('NCBI-disease')
