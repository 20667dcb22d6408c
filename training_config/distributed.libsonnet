// Training in several processes, one for each device. A file of two lines does this for any
// configuration:
//
//   (import 'sept.jsonnet') + (import 'distributed.libsonnet')(devices=4)
//
// For several machines with this number of devices, name the first machine and a free port on it:
//
//   (import 'sept.jsonnet')
//   + (import 'distributed.libsonnet')(devices=8, machines=2, primary='10.0.0.1', port=29500)
//
// Run the same command on each machine, with --node-rank 0 on the first, 1 on the second and so on,
// and with different folders: every machine saves the same model.
//
// Each process reads every n-th document and makes its own batches. Gradients are averaged, so a
// step sees data_loader.batch_size × devices × machines documents. As the loss is a mean over
// documents, this equals a step of one process with a batch of that size.
function(devices, machines=1, primary=null, port=29500, cpu=false) {
  assert machines == 1 || primary != null : 'several machines need the address of the primary one',
  distributed: {
    // Numbers of GPUs; -1 is the CPU.
    cuda_devices: [if cpu then -1 else device for device in std.range(0, devices - 1)],
    num_nodes: machines,
    [if machines > 1 then 'primary_address']: primary,
    [if machines > 1 then 'primary_port']: port,
  },
}
