// Training in several processes, one a device. A file of two lines makes any configuration so:
//
//   (import 'sept.jsonnet') + (import 'distributed.libsonnet')(devices=4)
//
// Several machines, each with so many devices, say which of them is the first, and a free port on it:
//
//   (import 'sept.jsonnet')
//   + (import 'distributed.libsonnet')(devices=8, machines=2, primary='10.0.0.1', port=29500)
//
// and run the same command on each, with --node-rank 0 on the first, 1 on the second and so on, and
// a folder of its own for each: every machine saves the model, and they are the same.
//
// Each process reads every n-th document of the data and takes batches of its own, and their
// gradients are averaged: a step sees data_loader.batch_size × devices × machines documents. As the
// loss is a mean over documents, that is a step of one process with a batch of that size.
function(devices, machines=1, primary=null, port=29500, cpu=false) {
  assert machines == 1 || primary != null : 'several machines need the address of the primary one',
  distributed: {
    // Numbers of GPUs; -1 is the processor.
    cuda_devices: [if cpu then -1 else device for device in std.range(0, devices - 1)],
    num_nodes: machines,
    [if machines > 1 then 'primary_address']: primary,
    [if machines > 1 then 'primary_port']: port,
  },
}
