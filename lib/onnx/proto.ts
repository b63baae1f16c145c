// The numbers of onnx.proto that are read or written here; they never change
// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).

export const MODEL = { irVersion: 1, graph: 7, operatorSets: 8 } as const;
export const GRAPH = { node: 1, initializer: 5, input: 11, output: 12, valueInfo: 13 } as const;
export const NODE = { input: 1, output: 2, name: 3, operator: 4, attribute: 5, domain: 7, metadata: 9 } as const;
export const ATTRIBUTE = { name: 1, integer: 3, integers: 8, type: 20 } as const;
/** Values of ATTRIBUTE.type. */
export const ATTRIBUTE_TYPE = { integer: 2, integers: 7 } as const;
export const TENSOR = {
  dims: 1,
  type: 2,
  floats: 4,
  int32s: 5,
  name: 8,
  raw: 9,
  external: 13,
  location: 14,
} as const;
/** Value of TENSOR.location where the values are in a file of their own. */
export const EXTERNAL = 1;
export const VALUE_INFO = { name: 1, type: 2 } as const;
export const TYPE = { tensor: 1 } as const;
export const TENSOR_TYPE = { element: 1, shape: 2 } as const;
export const SHAPE = { dimension: 1 } as const;
export const DIMENSION = { value: 1, parameter: 2 } as const;
/** Keys and values: of metadata, and of where external values are. */
export const ENTRY = { key: 1, value: 2 } as const;

/** Types of elements by number, under the names of onnxruntime's tensors. */
const ELEMENT_TYPES = [
  ...['undefined', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16'],
  ...['float64', 'uint32', 'uint64', 'complex64', 'complex128', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz'],
  ...['float8e5m2', 'float8e5m2fnuz', 'uint4', 'int4', 'float4e2m1', 'float8e8m0', 'uint2', 'int2'],
] as const;

export type ElementType = (typeof ELEMENT_TYPES)[number];

/** The name of a type of elements. */
export const elementName = (type: number): string => ELEMENT_TYPES[type] ?? `type ${type}`;

/** The number of a type of elements. */
export const elementNumber = (name: ElementType): number => ELEMENT_TYPES.indexOf(name);
