// Replays a recording of genre-gpu on WebGPU. Runs in a page, in Deno and on Dawn for Node.

const STEPS_PER_SUBMISSION = 4;

/**
 * The buffers of a recording, with its weights; pipelines are made when a pass is prepared.
 * @param {GPUDevice} device
 * @param {import("./types").Recording} recording
 * @param {("train" | "evaluate" | "explain")[]} passes to prepare at once
 * @returns {Promise<import("./types").Opened>}
 */
export async function openRecording(device, recording, passes) {
  const use = GPUBufferUsage;
  const storage = use.STORAGE | use.UNIFORM | use.COPY_DST | use.COPY_SRC;
  /** @type {GPUBuffer[]} */
  const buffers = [];
  const create = (/** @type {string} */ label, /** @type {number} */ size, /** @type {number} */ usage) => {
    buffers.push(device.createBuffer({ label, size, usage }));
    return buffers[buffers.length - 1];
  };
  try {
    const steps = await scoped(device, () => {
      for (const { name, bytes, words } of recording.buffers) {
        const buffer = create(name, bytes, storage);
        if (words) device.queue.writeBuffer(buffer, 0, new Uint32Array(words));
      }
      const count = Math.ceil(recording.samples / recording.batch_size);
      return create("steps", recording.step.stride * count, use.UNIFORM | use.COPY_DST);
    });
    const model = { device, recording, buffers, steps, kernels: new Map(), pipelines: new Map(), dispatches: [] };
    if (recording.weights) writeBuffer(model, recording.roles.parameters, new Float32Array(recording.weights));
    for (const pass of passes) await preparePass(model, pass);
    return model;
  } catch (error) {
    closeRecording({ buffers });
    throw error;
  }
}

/**
 * Does work at once whose errors WebGPU tells only to a scope: a lack of memory, a wrong call.
 * @template T
 * @param {GPUDevice} device
 * @param {() => T} work
 * @returns {Promise<T>}
 */
async function scoped(device, work) {
  /** @type {GPUErrorFilter[]} */
  const filters = ["out-of-memory", "validation"];
  for (const filter of filters) device.pushErrorScope(filter);
  let errors;
  try {
    return work();
  } finally {
    errors = await Promise.all(filters.map(() => device.popErrorScope()));
    const error = errors.find((error) => error);
    if (error) throw new Error(error.message || "the GPU has too little memory");
  }
}

/**
 * A kernel's shader and the layout of its bindings.
 * @param {import("./types").Opened} model
 * @param {string} name
 */
async function openKernel({ device, recording, kernels }, name) {
  const known = kernels.get(name);
  if (known) return known;
  const { code, bindings } = recording.kernels[name];
  const types = { uniform: "uniform", read: "read-only-storage", write: "storage" };
  const entries = bindings.map((access, binding) => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: /** @type {GPUBufferBindingType} */ (types[access]), hasDynamicOffset: binding === 0 },
  }));
  const layout = device.createBindGroupLayout({ label: name, entries });
  const module = device.createShaderModule({ label: name, code });
  const { messages } = await module.getCompilationInfo();
  const wrong = messages.find(({ type }) => type === "error");
  if (wrong) throw new Error(`${name}, line ${wrong.lineNum}: ${wrong.message}`);
  const kernel = { layout, module };
  kernels.set(name, kernel);
  return kernel;
}

/**
 * Makes the pipelines and bind groups of a pass, those that are not there.
 * @param {import("./types").Opened} model
 * @param {"train" | "evaluate" | "explain"} pass
 */
export async function preparePass(model, pass) {
  const { device, recording, buffers, steps, kernels, pipelines, dispatches } = model;
  const missing = recording.passes[pass].filter((at) => !dispatches[at]);
  const keyOf = (/** @type {number} */ at) =>
    recording.dispatches[at].kernel + JSON.stringify(recording.dispatches[at].constants);
  for (const at of missing) {
    const { kernel, constants } = recording.dispatches[at];
    const { layout, module } = await openKernel(model, kernel);
    // Compiled side by side where the browser can.
    if (!pipelines.has(keyOf(at))) {
      pipelines.set(keyOf(at), device.createComputePipelineAsync({
        label: kernel,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: "main", constants },
      }));
    }
  }
  const compiled = new Map(await Promise.all([...pipelines].map(async ([key, pipeline]) =>
    /** @type {[string, GPUComputePipeline]} */ ([key, await pipeline]))));
  await scoped(device, () => {
    for (const at of missing) {
      const { kernel, bindings, groups } = recording.dispatches[at];
      const bound = bindings.map(({ buffer, offset, bytes }, i) => ({
        binding: i + 1,
        resource: { buffer: buffers[buffer], offset, size: bytes },
      }));
      const step = { binding: 0, resource: { buffer: steps, size: recording.step.bytes } };
      const [pipeline, known] = [compiled.get(keyOf(at)), kernels.get(kernel)];
      if (!pipeline || !known) throw new Error(`${kernel} was not compiled`);
      const group = device.createBindGroup({ layout: known.layout, entries: [step, ...bound] });
      dispatches[at] = { pipeline, group, groups };
    }
  });
}

/**
 * Frees the buffers of a recording.
 * @param {Pick<import("./types").Opened, "buffers">} model
 */
export function closeRecording({ buffers }) {
  for (const buffer of buffers) buffer.destroy();
}

/**
 * Writes a typed array into a buffer of the recording.
 * @param {import("./types").Opened} model
 * @param {number} buffer
 * @param {Float32Array | Uint32Array} values
 */
export function writeBuffer(model, buffer, values) {
  writePart(model, { buffer, offset: 0 }, values);
}

/**
 * Writes a typed array into a part of a buffer.
 * @param {import("./types").Opened} model
 * @param {{ buffer: number, offset: number }} place
 * @param {Float32Array | Uint32Array} values
 */
export function writePart({ device, buffers }, { buffer, offset }, values) {
  device.queue.writeBuffer(buffers[buffer], offset, /** @type {any} */ (values));
}

/**
 * Weights in the order of the recording's parameters, as they lie in `roles.parameters`.
 * @param {import("./types").Recording} recording
 * @param {Float32Array} weights
 */
export function padded({ parameters }, weights) {
  const { shape, start } = parameters[parameters.length - 1];
  const all = new Float32Array(start + shape.reduce((a, b) => a * b, 1));
  let from = 0;
  for (const { shape, start } of parameters) {
    const length = shape.reduce((a, b) => a * b, 1);
    all.set(weights.subarray(from, from + length), start);
    from += length;
  }
  return all;
}

/**
 * The inverse of `padded`.
 * @param {import("./types").Recording} recording
 * @param {Float32Array} all
 */
export function unpadded({ parameters }, all) {
  const parts = parameters.map(({ shape, start }) =>
    all.subarray(start, start + shape.reduce((a, b) => a * b, 1)));
  const weights = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    weights.set(part, at);
    at += part.length;
  }
  return weights;
}

/**
 * Uploads samples, `[n, bands, frames, channels]` as the model is trained on, and their classes.
 * @param {import("./types").Opened} model
 * @param {Float32Array} samples
 * @param {Uint32Array} labels
 */
export function uploadSamples(model, samples, labels) {
  const { roles, input } = model.recording;
  const length = input[0] * input[1] * input[2];
  let first = 0;
  for (const [buffer, count] of roles.samples) {
    if (first * length >= samples.length) break;
    writeBuffer(model, buffer, samples.subarray(first * length, (first + count) * length));
    first += count;
  }
  writeBuffer(model, roles.labels, labels);
}

/**
 * Runs a pass, which was prepared, over the samples of an order, step by step.
 * @param {import("./types").Opened} model
 * @param {"train" | "evaluate" | "explain"} pass
 * @param {Uint32Array} order
 * @param {import("./types").StepSettings} settings
 */
export function runPass({ device, recording, buffers, steps, dispatches }, pass, order, settings = {}) {
  const { batch_size: batch, step, roles, passes, samples } = recording;
  if (order.length > samples) throw new Error(`${order.length} samples; there is room for ${samples}`);
  device.queue.writeBuffer(buffers[roles.order], 0, /** @type {any} */ (order));
  if (pass === "train" && roles.first_not_finite !== undefined) {
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
        bytes.setFloat32(i * step.stride + step.fields[field], Number(settings[field] ?? 0), true);
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

/**
 * Reads the first `length` floats of a buffer of the recording.
 * @param {import("./types").Opened} model
 * @param {number} buffer
 * @param {number} length
 */
export function readFloats(model, buffer, length) {
  return readParts(model, [{ buffer, offset: 0, bytes: 4 * length }]).then(([values]) => values);
}

/**
 * Reads several parts of buffers at once.
 * @param {import("./types").Opened} model
 * @param {import("./types").Binding[]} places
 */
export async function readParts({ device, buffers }, places) {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: places.reduce((sum, { bytes }) => sum + bytes, 0), usage });
  const encoder = device.createCommandEncoder();
  let at = 0;
  for (const { buffer, offset, bytes } of places) {
    if (bytes > 0) encoder.copyBufferToBuffer(buffers[buffer], offset, staging, at, bytes);
    at += bytes;
  }
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const all = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  at = 0;
  return places.map(({ bytes }) => {
    at += bytes / 4;
    return all.subarray(at - bytes / 4, at);
  });
}
