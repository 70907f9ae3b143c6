// Constants of WebGPU that TypeScript's library of the DOM does not declare.
declare const GPUBufferUsage: Record<
  "COPY_DST" | "COPY_SRC" | "MAP_READ" | "STORAGE" | "UNIFORM", GPUBufferUsageFlags>;
declare const GPUMapMode: Record<"READ", GPUMapModeFlags>;
declare const GPUShaderStage: Record<"COMPUTE", GPUShaderStageFlags>;
