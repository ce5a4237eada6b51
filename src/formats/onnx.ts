/** Writes ONNX models from plain descriptions of their graphs, and reads them back. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { UserError } from '../base/errors.js';
import { bytesOf, countOf, type Dtype, type FileTensor, viewAs, widthOf } from './dtype.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnxSchema.js';
import { quote } from './quote.js';

/** Operators mean what version 17 of the standard set says; IR version 8 is the one released with it (ONNX 1.12). */
const operatorSet = 17;
const irVersion = 8;

/** `TensorProto.DataType` of ONNX. */
const dataTypes: Record<Dtype, number> = {
  F32: 1,
  U8: 2,
  I8: 3,
  I16: 5,
  I32: 6,
  I64: 7,
  BOOL: 9,
  F16: 10,
  F64: 11,
  BF16: 16,
};

/** A model: one graph over the standard operators. */
export interface OnnxModel {
  name: string;
  producer: { name: string; version: string };
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  /** In an order in which every input is there before it is used. */
  nodes: OnnxNode[];
  /** Constants: weights, and the small arrays some operators take as inputs. */
  initializers: OnnxInitializer[];
  /** Free text entries (`metadata_props`). */
  metadata: Record<string, string>;
}

/** An input or output; a text among the extents names a size that is known only when the model runs (`['N', 3, 256, 256]`). */
export interface OnnxValue {
  name: string;
  dtype: Dtype;
  shape: (number | string)[];
}

export interface OnnxNode {
  op: string;
  /** `''` leaves out an optional input. */
  inputs: string[];
  outputs: string[];
  attributes?: Record<string, OnnxAttribute>;
}

/** The value of an attribute; ONNX tells integers from floats, JavaScript does not. */
export type OnnxAttribute =
  | { int: number }
  | { float: number }
  | { text: string }
  | { ints: number[] }
  | { floats: number[] };

export interface OnnxInitializer extends FileTensor {
  name: string;
}

/** Part of a graph. */
export type OnnxPart = Pick<OnnxModel, 'nodes' | 'initializers'>;

/**
 * The bytes of the model: opset 17, IR version 8. Equal models give equal bytes.
 * @throws Error for a graph that does not hold together: an input that nothing makes, a name made twice, data that does not fit its shape
 */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  checkNames(model);
  const { name, producer, inputs, outputs, nodes, initializers, metadata } = model;
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(irVersion),
      producerName: producer.name,
      producerVersion: producer.version,
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(operatorSet) })],
      metadataProps: Object.entries(metadata).map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value }),
      ),
      graph: create(GraphProtoSchema, {
        name,
        input: inputs.map(encodeValue),
        output: outputs.map(encodeValue),
        node: nodes.map(encodeNode),
        initializer: initializers.map(encodeInitializer),
      }),
    }),
  );
}

function checkNames({ inputs, outputs, nodes, initializers }: OnnxModel): void {
  const made = new Set<string>();
  const make = (name: string) => {
    if (name === '' || made.has(name)) throw new Error(`the graph makes ${quote(name)} twice`);
    made.add(name);
  };
  const need = (name: string, by: string) => {
    if (!made.has(name)) throw new Error(`${by} needs ${quote(name)}, which nothing before it makes`);
  };
  for (const { name } of [...inputs, ...initializers]) make(name);
  for (const node of nodes) {
    for (const name of node.inputs) if (name !== '') need(name, node.op);
    for (const name of node.outputs) make(name);
  }
  for (const { name } of outputs) need(name, 'the output');
}

function encodeValue({ name, dtype, shape }: OnnxValue): ValueInfoProto {
  const dim = shape.map((extent) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof extent === 'string' ? { case: 'dimParam', value: extent } : { case: 'dimValue', value: BigInt(extent) },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, {
    elemType: dataTypes[dtype],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}

/** Nodes are named after their first output, which is unique. */
function encodeNode({ op, inputs, outputs, attributes }: OnnxNode): NodeProto {
  return create(NodeProtoSchema, {
    name: outputs[0],
    opType: op,
    input: inputs,
    output: outputs,
    attribute: Object.entries(attributes ?? {}).map(([name, value]) => encodeAttribute(name, value)),
  });
}

function encodeAttribute(name: string, value: OnnxAttribute): AttributeProto {
  const make = (fields: MessageInitShape<typeof AttributeProtoSchema>) =>
    create(AttributeProtoSchema, { ...fields, name });
  if ('int' in value) return make({ type: AttributeType.INT, i: BigInt(value.int) });
  if ('float' in value) return make({ type: AttributeType.FLOAT, f: value.float });
  if ('text' in value) return make({ type: AttributeType.STRING, s: Buffer.from(value.text) });
  if ('ints' in value) return make({ type: AttributeType.INTS, ints: value.ints.map(BigInt) });
  return make({ type: AttributeType.FLOATS, floats: value.floats });
}

function encodeInitializer({ name, dtype, shape, data }: OnnxInitializer): TensorProto {
  if (data.byteLength !== countOf(shape)! * widthOf(dtype)) {
    throw new Error(`initializer ${quote(name)} [${shape}] of type ${dtype} came with ${data.byteLength} bytes`);
  }
  return create(TensorProtoSchema, {
    name,
    dataType: dataTypes[dtype],
    dims: shape.map(BigInt),
    rawData: bytesOf(data),
  });
}

/**
 * The free text entries of a model, whatever its graph holds.
 * @param path for messages
 * @throws UserError when the bytes are no ONNX model
 */
export function onnxMetadata(bytes: Uint8Array, path: string): Record<string, string> {
  return Object.fromEntries(parseModel(bytes, path).metadataProps.map(({ key, value }) => [key, value]));
}

/** The model with one free text entry changed, all else as it was. @param path for messages @throws UserError when the bytes are no ONNX model */
export function withOnnxMetadata(bytes: Uint8Array, path: string, key: string, value: string): Uint8Array {
  const model = parseModel(bytes, path);
  const others = model.metadataProps.filter((entry) => entry.key !== key);
  return toBinary(ModelProtoSchema, {
    ...model,
    metadataProps: [...others, create(StringStringEntryProtoSchema, { key, value })],
  });
}

/** What any ONNX file says of itself, whatever its graph holds: who made it, its operator set, and the operator behind each value. */
export interface OnnxFacts {
  producer: string;
  /** Of the standard operators. */
  opset: number;
  /** Operator by the name of what it gives. */
  makers: Readonly<Record<string, string>>;
  metadata: Record<string, string>;
}

/** @param path for messages @throws UserError when the bytes are no ONNX model */
export function onnxFacts(bytes: Uint8Array, path: string): OnnxFacts {
  const { graph, producerName, producerVersion, opsetImport, metadataProps } = parseModel(bytes, path);
  if (graph === undefined) throw new UserError(`${path} is not an ONNX model: it has no graph`);
  const standard = opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  return {
    producer: [producerName, producerVersion].filter(Boolean).join(' '),
    opset: Number(standard?.version ?? 0),
    makers: Object.fromEntries(graph.node.flatMap(({ opType, output }) => output.map((name) => [name, opType]))),
    metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])),
  };
}

function parseModel(bytes: Uint8Array, path: string): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch {
    throw new UserError(`${path} is not an ONNX model, or damaged`);
  }
}

/**
 * Reads a model as `encodeOnnx` writes it; other ONNX files can be read as far as they use the same parts of the format.
 * @param path for messages
 * @throws UserError when the bytes are no ONNX model or use other parts of the format
 */
export function decodeOnnx(bytes: Uint8Array, path: string): OnnxModel {
  const { graph, producerName, producerVersion, metadataProps, opsetImport } = parseModel(bytes, path);
  if (graph === undefined || opsetImport.length === 0)
    throw new UserError(`${path} is not an ONNX model: it has no graph`);
  return {
    name: graph.name,
    producer: { name: producerName, version: producerVersion },
    inputs: graph.input.map((value) => decodeValue(path, value)),
    outputs: graph.output.map((value) => decodeValue(path, value)),
    nodes: graph.node.map((node) => decodeNode(path, node)),
    initializers: graph.initializer.map((tensor) => decodeInitializer(path, tensor)),
    metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])),
  };
}

function decodeValue(path: string, { name, type }: ValueInfoProto): OnnxValue {
  if (type?.value.case !== 'tensorType') throw new UserError(`${path} has ${quote(name)}, which is no tensor`);
  const { elemType, shape } = type.value.value;
  return { name, dtype: decodeType(path, elemType), shape: (shape?.dim ?? []).map(decodeExtent) };
}

/** An extent may also be left open without a name. */
function decodeExtent({ value }: TensorShapeProto_Dimension): number | string {
  if (value.case === 'dimValue') return Number(value.value);
  return value.case === 'dimParam' ? value.value : '?';
}

function decodeNode(path: string, { opType, input, output, attribute }: NodeProto): OnnxNode {
  const attributes = Object.fromEntries(attribute.map((one) => [one.name, decodeAttribute(path, one)]));
  return { op: opType, inputs: input, outputs: output, ...(attribute.length > 0 && { attributes }) };
}

function decodeAttribute(path: string, { name, type, i, f, s, ints, floats }: AttributeProto): OnnxAttribute {
  if (type === AttributeType.INT) return { int: Number(i) };
  if (type === AttributeType.FLOAT) return { float: f };
  if (type === AttributeType.STRING) return { text: Buffer.from(s).toString() };
  if (type === AttributeType.INTS) return { ints: ints.map(Number) };
  if (type === AttributeType.FLOATS) return { floats };
  throw new UserError(`${path} has the attribute ${quote(name)} of a kind that is not read`);
}

function decodeInitializer(path: string, { name, dataType, dims, rawData }: TensorProto): OnnxInitializer {
  const dtype = decodeType(path, dataType);
  const shape = dims.map(Number);
  if (rawData.length !== (countOf(shape) ?? -1) * widthOf(dtype)) {
    throw new UserError(
      `${path} has the constant ${quote(name)}, whose elements are missing or stored in a way that is not read`,
    );
  }
  return { name, dtype, shape, data: viewAs(dtype, Uint8Array.from(rawData)) };
}

function decodeType(path: string, dataType: number): Dtype {
  const found = Object.entries(dataTypes).find(([, code]) => code === dataType);
  if (found === undefined)
    throw new UserError(`${path} has elements of ONNX's type ${dataType}, which is not supported`);
  return found[0] as Dtype;
}
