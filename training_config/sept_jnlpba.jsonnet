// The paper's model and hyper-parameters on JNLPBA (Figure 2).
(import 'sept.jsonnet') + (import 'conll.libsonnet')('JNLPBA')
