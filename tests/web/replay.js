// Replays a recording of genre-gpu on WebGPU. Runs in a page, in Deno and on Dawn for Node.

const STEPS_PER_SUBMISSION = 4;

/** Buffers, pipelines and bind groups of a recording, with its weights. */
export async function open(device, recording) {
  const use = GPUBufferUsage;
  const storage = use.STORAGE | use.UNIFORM | use.COPY_DST | use.COPY_SRC;
  const buffers = recording.buffers.map(({ name, bytes, words }) => {
    const buffer = device.createBuffer({ label: name, size: bytes, usage: storage });
    if (words) device.queue.writeBuffer(buffer, 0, new Uint32Array(words));
    return buffer;
  });
  const stepCount = Math.ceil(recording.samples / recording.batch_size);
  const steps = device.createBuffer({
    label: "steps",
    size: recording.step.stride * stepCount,
    usage: use.UNIFORM | use.COPY_DST,
  });
  const kinds = { uniform: "uniform", read: "read-only-storage", write: "storage" };
  const kernels = {};
  for (const [name, kernel] of Object.entries(recording.kernels)) {
    const layout = device.createBindGroupLayout({
      label: name,
      entries: kernel.bindings.map((access, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: kinds[access], hasDynamicOffset: binding === 0 },
      })),
    });
    const module = device.createShaderModule({ label: name, code: kernel.code });
    const { messages } = await module.getCompilationInfo();
    const wrong = messages.find(({ type }) => type === "error");
    if (wrong) throw new Error(`${name}, line ${wrong.lineNum}: ${wrong.message}`);
    kernels[name] = { layout, module };
  }
  const pipelines = new Map();
  const dispatches = [];
  for (const dispatch of recording.dispatches) {
    const { layout, module } = kernels[dispatch.kernel];
    const key = dispatch.kernel + JSON.stringify(dispatch.constants);
    if (!pipelines.has(key)) {
      pipelines.set(key, await device.createComputePipelineAsync({
        label: dispatch.kernel,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: "main", constants: dispatch.constants },
      }));
    }
    const bound = dispatch.bindings.map(({ buffer, offset, bytes }, i) => ({
      binding: i + 1,
      resource: { buffer: buffers[buffer], offset, size: bytes },
    }));
    const step = { binding: 0, resource: { buffer: steps, size: recording.step.bytes } };
    const group = device.createBindGroup({ layout, entries: [step, ...bound] });
    dispatches.push({ pipeline: pipelines.get(key), group, groups: dispatch.groups });
  }
  const model = { device, recording, buffers, steps, dispatches };
  write(model, recording.roles.parameters, new Float32Array(recording.weights));
  return model;
}

/** Writes a typed array into a buffer of the recording. */
export function write({ device, buffers }, buffer, values) {
  device.queue.writeBuffer(buffers[buffer], 0, values);
}

/** Uploads samples, `[n, bands, frames, channels]` as the model is trained on, and their classes. */
export function upload(model, samples, labels) {
  const { roles, input } = model.recording;
  const length = input[0] * input[1] * input[2];
  let first = 0;
  for (const [buffer, count] of roles.samples) {
    write(model, buffer, samples.subarray(first * length, (first + count) * length));
    first += count;
  }
  write(model, roles.labels, labels);
}

/** Runs a pass (`train`, `evaluate`, `explain`) over the samples of an order, step by step. */
export function run({ device, recording, buffers, steps, dispatches }, pass, order, settings = {}) {
  const { batch_size: batch, step, roles, passes, samples } = recording;
  if (order.length > samples) throw new Error(`${order.length} samples; there is room for ${samples}`);
  device.queue.writeBuffer(buffers[roles.order], 0, order);
  if (pass === "train") {
    device.queue.writeBuffer(buffers[roles.first_not_finite], 0, new Uint32Array([0xffffffff]));
  }
  const count = Math.ceil(order.length / batch);
  const bytes = new DataView(new ArrayBuffer(step.stride * count));
  for (let i = 0; i < count; i += 1) {
    const fields = {
      n: Math.min(batch, order.length - i * batch),
      first: i * batch,
      index: i,
      training: pass === "train" ? 1 : 0,
      run_step: (settings.first_step ?? 0) + i,
      seed: settings.seed ?? 0,
      nesterov: settings.nesterov ? 1 : 0,
    };
    for (const [field, value] of Object.entries(fields)) {
      bytes.setUint32(i * step.stride + step.fields[field], value, true);
    }
    if (pass === "train") {
      for (const field of step.floats) {
        bytes.setFloat32(i * step.stride + step.fields[field], settings[field] ?? 0, true);
      }
    }
  }
  device.queue.writeBuffer(steps, 0, bytes.buffer);
  // A system resets a GPU that does not answer for two seconds: few steps in a submission.
  for (let first = 0; first < count; first += STEPS_PER_SUBMISSION) {
    const encoder = device.createCommandEncoder();
    const compute = encoder.beginComputePass();
    for (let i = first; i < Math.min(first + STEPS_PER_SUBMISSION, count); i += 1) {
      for (const at of passes[pass]) {
        const { pipeline, group, groups } = dispatches[at];
        compute.setPipeline(pipeline);
        compute.setBindGroup(0, group, [i * step.stride]);
        compute.dispatchWorkgroups(...groups);
      }
    }
    compute.end();
    device.queue.submit([encoder.finish()]);
  }
}

/** Reads the first `length` floats of a buffer of the recording. */
export async function read({ device, buffers }, buffer, length) {
  const size = 4 * length;
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffers[buffer], 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return values;
}
