/**
 * ONNX's own schema as code: its descriptor and the types of its messages. Generated, not edited: protoc 3.21 with protoc-gen-es 2.12.1
 * (`target=ts`) from `onnx/onnx-ml.proto` of ONNX 1.12, the release of IR version 8 and opset 17 (Apache-2.0), comments removed.
 */

import type { Message } from '@bufbuild/protobuf';
import type { GenEnum, GenFile, GenMessage } from '@bufbuild/protobuf/codegenv2';
import { enumDesc, fileDesc, messageDesc } from '@bufbuild/protobuf/codegenv2';

/**
 * Describes the file onnx.proto.
 */
export const file_onnx: GenFile =
  /*@__PURE__*/
  fileDesc(
    'Cgpvbm54LnByb3RvEgRvbm54IswFCg5BdHRyaWJ1dGVQcm90bxIMCgRuYW1lGAEgASgJEhUKDXJlZl9hdHRyX25hbWUYFSABKAkSEgoKZG9jX3N0cmluZxgNIAEoCRIwCgR0eXBlGBQgASgOMiIub25ueC5BdHRyaWJ1dGVQcm90by5BdHRyaWJ1dGVUeXBlEgkKAWYYAiABKAISCQoBaRgDIAEoAxIJCgFzGAQgASgMEhwKAXQYBSABKAsyES5vbm54LlRlbnNvclByb3RvEhsKAWcYBiABKAsyEC5vbm54LkdyYXBoUHJvdG8SLgoNc3BhcnNlX3RlbnNvchgWIAEoCzIXLm9ubnguU3BhcnNlVGVuc29yUHJvdG8SGwoCdHAYDiABKAsyDy5vbm54LlR5cGVQcm90bxIOCgZmbG9hdHMYByADKAISDAoEaW50cxgIIAMoAxIPCgdzdHJpbmdzGAkgAygMEiIKB3RlbnNvcnMYCiADKAsyES5vbm54LlRlbnNvclByb3RvEiAKBmdyYXBocxgLIAMoCzIQLm9ubnguR3JhcGhQcm90bxIvCg5zcGFyc2VfdGVuc29ycxgXIAMoCzIXLm9ubnguU3BhcnNlVGVuc29yUHJvdG8SJAoLdHlwZV9wcm90b3MYDyADKAsyDy5vbm54LlR5cGVQcm90byLZAQoNQXR0cmlidXRlVHlwZRINCglVTkRFRklORUQQABIJCgVGTE9BVBABEgcKA0lOVBACEgoKBlNUUklORxADEgoKBlRFTlNPUhAEEgkKBUdSQVBIEAUSEQoNU1BBUlNFX1RFTlNPUhALEg4KClRZUEVfUFJPVE8QDRIKCgZGTE9BVFMQBhIICgRJTlRTEAcSCwoHU1RSSU5HUxAIEgsKB1RFTlNPUlMQCRIKCgZHUkFQSFMQChISCg5TUEFSU0VfVEVOU09SUxAMEg8KC1RZUEVfUFJPVE9TEA4iUQoOVmFsdWVJbmZvUHJvdG8SDAoEbmFtZRgBIAEoCRIdCgR0eXBlGAIgASgLMg8ub25ueC5UeXBlUHJvdG8SEgoKZG9jX3N0cmluZxgDIAEoCSKWAQoJTm9kZVByb3RvEg0KBWlucHV0GAEgAygJEg4KBm91dHB1dBgCIAMoCRIMCgRuYW1lGAMgASgJEg8KB29wX3R5cGUYBCABKAkSDgoGZG9tYWluGAcgASgJEicKCWF0dHJpYnV0ZRgFIAMoCzIULm9ubnguQXR0cmlidXRlUHJvdG8SEgoKZG9jX3N0cmluZxgGIAEoCSLWAQoRVHJhaW5pbmdJbmZvUHJvdG8SKAoOaW5pdGlhbGl6YXRpb24YASABKAsyEC5vbm54LkdyYXBoUHJvdG8SIwoJYWxnb3JpdGhtGAIgASgLMhAub25ueC5HcmFwaFByb3RvEjwKFmluaXRpYWxpemF0aW9uX2JpbmRpbmcYAyADKAsyHC5vbm54LlN0cmluZ1N0cmluZ0VudHJ5UHJvdG8SNAoOdXBkYXRlX2JpbmRpbmcYBCADKAsyHC5vbm54LlN0cmluZ1N0cmluZ0VudHJ5UHJvdG8i6wIKCk1vZGVsUHJvdG8SEgoKaXJfdmVyc2lvbhgBIAEoAxIuCgxvcHNldF9pbXBvcnQYCCADKAsyGC5vbm54Lk9wZXJhdG9yU2V0SWRQcm90bxIVCg1wcm9kdWNlcl9uYW1lGAIgASgJEhgKEHByb2R1Y2VyX3ZlcnNpb24YAyABKAkSDgoGZG9tYWluGAQgASgJEhUKDW1vZGVsX3ZlcnNpb24YBSABKAMSEgoKZG9jX3N0cmluZxgGIAEoCRIfCgVncmFwaBgHIAEoCzIQLm9ubnguR3JhcGhQcm90bxI0Cg5tZXRhZGF0YV9wcm9wcxgOIAMoCzIcLm9ubnguU3RyaW5nU3RyaW5nRW50cnlQcm90bxIuCg10cmFpbmluZ19pbmZvGBQgAygLMhcub25ueC5UcmFpbmluZ0luZm9Qcm90bxImCglmdW5jdGlvbnMYGSADKAsyEy5vbm54LkZ1bmN0aW9uUHJvdG8iNAoWU3RyaW5nU3RyaW5nRW50cnlQcm90bxILCgNrZXkYASABKAkSDQoFdmFsdWUYAiABKAkiawoQVGVuc29yQW5ub3RhdGlvbhITCgt0ZW5zb3JfbmFtZRgBIAEoCRJCChxxdWFudF9wYXJhbWV0ZXJfdGVuc29yX25hbWVzGAIgAygLMhwub25ueC5TdHJpbmdTdHJpbmdFbnRyeVByb3RvIp4DCgpHcmFwaFByb3RvEh0KBG5vZGUYASADKAsyDy5vbm54Lk5vZGVQcm90bxIMCgRuYW1lGAIgASgJEiYKC2luaXRpYWxpemVyGAUgAygLMhEub25ueC5UZW5zb3JQcm90bxIzChJzcGFyc2VfaW5pdGlhbGl6ZXIYDyADKAsyFy5vbm54LlNwYXJzZVRlbnNvclByb3RvEhIKCmRvY19zdHJpbmcYCiABKAkSIwoFaW5wdXQYCyADKAsyFC5vbm54LlZhbHVlSW5mb1Byb3RvEiQKBm91dHB1dBgMIAMoCzIULm9ubnguVmFsdWVJbmZvUHJvdG8SKAoKdmFsdWVfaW5mbxgNIAMoCzIULm9ubnguVmFsdWVJbmZvUHJvdG8SNwoXcXVhbnRpemF0aW9uX2Fubm90YXRpb24YDiADKAsyFi5vbm54LlRlbnNvckFubm90YXRpb25KBAgDEARKBAgEEAVKBAgGEApSCmlyX3ZlcnNpb25SEHByb2R1Y2VyX3ZlcnNpb25SDHByb2R1Y2VyX3RhZ1IGZG9tYWluIrgFCgtUZW5zb3JQcm90bxIMCgRkaW1zGAEgAygDEhEKCWRhdGFfdHlwZRgCIAEoBRIqCgdzZWdtZW50GAMgASgLMhkub25ueC5UZW5zb3JQcm90by5TZWdtZW50EhYKCmZsb2F0X2RhdGEYBCADKAJCAhABEhYKCmludDMyX2RhdGEYBSADKAVCAhABEhMKC3N0cmluZ19kYXRhGAYgAygMEhYKCmludDY0X2RhdGEYByADKANCAhABEgwKBG5hbWUYCCABKAkSEgoKZG9jX3N0cmluZxgMIAEoCRIQCghyYXdfZGF0YRgJIAEoDBIzCg1leHRlcm5hbF9kYXRhGA0gAygLMhwub25ueC5TdHJpbmdTdHJpbmdFbnRyeVByb3RvEjUKDWRhdGFfbG9jYXRpb24YDiABKA4yHi5vbm54LlRlbnNvclByb3RvLkRhdGFMb2NhdGlvbhIXCgtkb3VibGVfZGF0YRgKIAMoAUICEAESFwoLdWludDY0X2RhdGEYCyADKARCAhABGiUKB1NlZ21lbnQSDQoFYmVnaW4YASABKAMSCwoDZW5kGAIgASgDItoBCghEYXRhVHlwZRINCglVTkRFRklORUQQABIJCgVGTE9BVBABEgkKBVVJTlQ4EAISCAoESU5UOBADEgoKBlVJTlQxNhAEEgkKBUlOVDE2EAUSCQoFSU5UMzIQBhIJCgVJTlQ2NBAHEgoKBlNUUklORxAIEggKBEJPT0wQCRILCgdGTE9BVDE2EAoSCgoGRE9VQkxFEAsSCgoGVUlOVDMyEAwSCgoGVUlOVDY0EA0SDQoJQ09NUExFWDY0EA4SDgoKQ09NUExFWDEyOBAPEgwKCEJGTE9BVDE2EBAiKQoMRGF0YUxvY2F0aW9uEgsKB0RFRkFVTFQQABIMCghFWFRFUk5BTBABImgKEVNwYXJzZVRlbnNvclByb3RvEiEKBnZhbHVlcxgBIAEoCzIRLm9ubnguVGVuc29yUHJvdG8SIgoHaW5kaWNlcxgCIAEoCzIRLm9ubnguVGVuc29yUHJvdG8SDAoEZGltcxgDIAMoAyKVAQoQVGVuc29yU2hhcGVQcm90bxItCgNkaW0YASADKAsyIC5vbm54LlRlbnNvclNoYXBlUHJvdG8uRGltZW5zaW9uGlIKCURpbWVuc2lvbhITCglkaW1fdmFsdWUYASABKANIABITCglkaW1fcGFyYW0YAiABKAlIABISCgpkZW5vdGF0aW9uGAMgASgJQgcKBXZhbHVlIqUFCglUeXBlUHJvdG8SLQoLdGVuc29yX3R5cGUYASABKAsyFi5vbm54LlR5cGVQcm90by5UZW5zb3JIABIxCg1zZXF1ZW5jZV90eXBlGAQgASgLMhgub25ueC5UeXBlUHJvdG8uU2VxdWVuY2VIABInCghtYXBfdHlwZRgFIAEoCzITLm9ubnguVHlwZVByb3RvLk1hcEgAEjEKDW9wdGlvbmFsX3R5cGUYCSABKAsyGC5vbm54LlR5cGVQcm90by5PcHRpb25hbEgAEjoKEnNwYXJzZV90ZW5zb3JfdHlwZRgIIAEoCzIcLm9ubnguVHlwZVByb3RvLlNwYXJzZVRlbnNvckgAEi0KC29wYXF1ZV90eXBlGAcgASgLMhYub25ueC5UeXBlUHJvdG8uT3BhcXVlSAASEgoKZGVub3RhdGlvbhgGIAEoCRpCCgZUZW5zb3ISEQoJZWxlbV90eXBlGAEgASgFEiUKBXNoYXBlGAIgASgLMhYub25ueC5UZW5zb3JTaGFwZVByb3RvGi4KCFNlcXVlbmNlEiIKCWVsZW1fdHlwZRgBIAEoCzIPLm9ubnguVHlwZVByb3RvGjwKA01hcBIQCghrZXlfdHlwZRgBIAEoBRIjCgp2YWx1ZV90eXBlGAIgASgLMg8ub25ueC5UeXBlUHJvdG8aLgoIT3B0aW9uYWwSIgoJZWxlbV90eXBlGAEgASgLMg8ub25ueC5UeXBlUHJvdG8aSAoMU3BhcnNlVGVuc29yEhEKCWVsZW1fdHlwZRgBIAEoBRIlCgVzaGFwZRgCIAEoCzIWLm9ubnguVGVuc29yU2hhcGVQcm90bxomCgZPcGFxdWUSDgoGZG9tYWluGAEgASgJEgwKBG5hbWUYAiABKAlCBwoFdmFsdWUiNQoST3BlcmF0b3JTZXRJZFByb3RvEg4KBmRvbWFpbhgBIAEoCRIPCgd2ZXJzaW9uGAIgASgDIuUBCg1GdW5jdGlvblByb3RvEgwKBG5hbWUYASABKAkSDQoFaW5wdXQYBCADKAkSDgoGb3V0cHV0GAUgAygJEhEKCWF0dHJpYnV0ZRgGIAMoCRIdCgRub2RlGAcgAygLMg8ub25ueC5Ob2RlUHJvdG8SEgoKZG9jX3N0cmluZxgIIAEoCRIuCgxvcHNldF9pbXBvcnQYCSADKAsyGC5vbm54Lk9wZXJhdG9yU2V0SWRQcm90bxIOCgZkb21haW4YCiABKAlKBAgCEANKBAgDEARSDXNpbmNlX3ZlcnNpb25SBnN0YXR1cyrkAQoHVmVyc2lvbhISCg5fU1RBUlRfVkVSU0lPThAAEhkKFUlSX1ZFUlNJT05fMjAxN18xMF8xMBABEhkKFUlSX1ZFUlNJT05fMjAxN18xMF8zMBACEhgKFElSX1ZFUlNJT05fMjAxN18xMV8zEAMSGAoUSVJfVkVSU0lPTl8yMDE5XzFfMjIQBBIYChRJUl9WRVJTSU9OXzIwMTlfM18xOBAFEhgKFElSX1ZFUlNJT05fMjAxOV85XzE5EAYSFwoTSVJfVkVSU0lPTl8yMDIwXzVfOBAHEg4KCklSX1ZFUlNJT04QCCouCg5PcGVyYXRvclN0YXR1cxIQCgxFWFBFUklNRU5UQUwQABIKCgZTVEFCTEUQAUICSAM',
  );

/**
 * @generated from message onnx.AttributeProto
 */
export type AttributeProto = Message<'onnx.AttributeProto'> & {
  /**
   * @generated from field: optional string name = 1;
   */
  name: string;

  /**
   * @generated from field: optional string ref_attr_name = 21;
   */
  refAttrName: string;

  /**
   * @generated from field: optional string doc_string = 13;
   */
  docString: string;

  /**
   * @generated from field: optional onnx.AttributeProto.AttributeType type = 20;
   */
  type: AttributeProto_AttributeType;

  /**
   * @generated from field: optional float f = 2;
   */
  f: number;

  /**
   * @generated from field: optional int64 i = 3;
   */
  i: bigint;

  /**
   * @generated from field: optional bytes s = 4;
   */
  s: Uint8Array;

  /**
   * @generated from field: optional onnx.TensorProto t = 5;
   */
  t?: TensorProto | undefined;

  /**
   * @generated from field: optional onnx.GraphProto g = 6;
   */
  g?: GraphProto | undefined;

  /**
   * @generated from field: optional onnx.SparseTensorProto sparse_tensor = 22;
   */
  sparseTensor?: SparseTensorProto | undefined;

  /**
   * @generated from field: optional onnx.TypeProto tp = 14;
   */
  tp?: TypeProto | undefined;

  /**
   * @generated from field: repeated float floats = 7;
   */
  floats: number[];

  /**
   * @generated from field: repeated int64 ints = 8;
   */
  ints: bigint[];

  /**
   * @generated from field: repeated bytes strings = 9;
   */
  strings: Uint8Array[];

  /**
   * @generated from field: repeated onnx.TensorProto tensors = 10;
   */
  tensors: TensorProto[];

  /**
   * @generated from field: repeated onnx.GraphProto graphs = 11;
   */
  graphs: GraphProto[];

  /**
   * @generated from field: repeated onnx.SparseTensorProto sparse_tensors = 23;
   */
  sparseTensors: SparseTensorProto[];

  /**
   * @generated from field: repeated onnx.TypeProto type_protos = 15;
   */
  typeProtos: TypeProto[];
};

/**
 * Describes the message onnx.AttributeProto.
 * Use `create(AttributeProtoSchema)` to create a new message.
 */
export const AttributeProtoSchema: GenMessage<AttributeProto> = /*@__PURE__*/ messageDesc(file_onnx, 0);

/**
 * @generated from enum onnx.AttributeProto.AttributeType
 */
export enum AttributeProto_AttributeType {
  /**
   * @generated from enum value: UNDEFINED = 0;
   */
  UNDEFINED = 0,

  /**
   * @generated from enum value: FLOAT = 1;
   */
  FLOAT = 1,

  /**
   * @generated from enum value: INT = 2;
   */
  INT = 2,

  /**
   * @generated from enum value: STRING = 3;
   */
  STRING = 3,

  /**
   * @generated from enum value: TENSOR = 4;
   */
  TENSOR = 4,

  /**
   * @generated from enum value: GRAPH = 5;
   */
  GRAPH = 5,

  /**
   * @generated from enum value: SPARSE_TENSOR = 11;
   */
  SPARSE_TENSOR = 11,

  /**
   * @generated from enum value: TYPE_PROTO = 13;
   */
  TYPE_PROTO = 13,

  /**
   * @generated from enum value: FLOATS = 6;
   */
  FLOATS = 6,

  /**
   * @generated from enum value: INTS = 7;
   */
  INTS = 7,

  /**
   * @generated from enum value: STRINGS = 8;
   */
  STRINGS = 8,

  /**
   * @generated from enum value: TENSORS = 9;
   */
  TENSORS = 9,

  /**
   * @generated from enum value: GRAPHS = 10;
   */
  GRAPHS = 10,

  /**
   * @generated from enum value: SPARSE_TENSORS = 12;
   */
  SPARSE_TENSORS = 12,

  /**
   * @generated from enum value: TYPE_PROTOS = 14;
   */
  TYPE_PROTOS = 14,
}

/**
 * Describes the enum onnx.AttributeProto.AttributeType.
 */
export const AttributeProto_AttributeTypeSchema: GenEnum<AttributeProto_AttributeType> =
  /*@__PURE__*/
  enumDesc(file_onnx, 0, 0);

/**
 * @generated from message onnx.ValueInfoProto
 */
export type ValueInfoProto = Message<'onnx.ValueInfoProto'> & {
  /**
   * @generated from field: optional string name = 1;
   */
  name: string;

  /**
   * @generated from field: optional onnx.TypeProto type = 2;
   */
  type?: TypeProto | undefined;

  /**
   * @generated from field: optional string doc_string = 3;
   */
  docString: string;
};

/**
 * Describes the message onnx.ValueInfoProto.
 * Use `create(ValueInfoProtoSchema)` to create a new message.
 */
export const ValueInfoProtoSchema: GenMessage<ValueInfoProto> = /*@__PURE__*/ messageDesc(file_onnx, 1);

/**
 * @generated from message onnx.NodeProto
 */
export type NodeProto = Message<'onnx.NodeProto'> & {
  /**
   * @generated from field: repeated string input = 1;
   */
  input: string[];

  /**
   * @generated from field: repeated string output = 2;
   */
  output: string[];

  /**
   * @generated from field: optional string name = 3;
   */
  name: string;

  /**
   * @generated from field: optional string op_type = 4;
   */
  opType: string;

  /**
   * @generated from field: optional string domain = 7;
   */
  domain: string;

  /**
   * @generated from field: repeated onnx.AttributeProto attribute = 5;
   */
  attribute: AttributeProto[];

  /**
   * @generated from field: optional string doc_string = 6;
   */
  docString: string;
};

/**
 * Describes the message onnx.NodeProto.
 * Use `create(NodeProtoSchema)` to create a new message.
 */
export const NodeProtoSchema: GenMessage<NodeProto> = /*@__PURE__*/ messageDesc(file_onnx, 2);

/**
 * @generated from message onnx.TrainingInfoProto
 */
export type TrainingInfoProto = Message<'onnx.TrainingInfoProto'> & {
  /**
   * @generated from field: optional onnx.GraphProto initialization = 1;
   */
  initialization?: GraphProto | undefined;

  /**
   * @generated from field: optional onnx.GraphProto algorithm = 2;
   */
  algorithm?: GraphProto | undefined;

  /**
   * @generated from field: repeated onnx.StringStringEntryProto initialization_binding = 3;
   */
  initializationBinding: StringStringEntryProto[];

  /**
   * @generated from field: repeated onnx.StringStringEntryProto update_binding = 4;
   */
  updateBinding: StringStringEntryProto[];
};

/**
 * Describes the message onnx.TrainingInfoProto.
 * Use `create(TrainingInfoProtoSchema)` to create a new message.
 */
export const TrainingInfoProtoSchema: GenMessage<TrainingInfoProto> = /*@__PURE__*/ messageDesc(file_onnx, 3);

/**
 * @generated from message onnx.ModelProto
 */
export type ModelProto = Message<'onnx.ModelProto'> & {
  /**
   * @generated from field: optional int64 ir_version = 1;
   */
  irVersion: bigint;

  /**
   * @generated from field: repeated onnx.OperatorSetIdProto opset_import = 8;
   */
  opsetImport: OperatorSetIdProto[];

  /**
   * @generated from field: optional string producer_name = 2;
   */
  producerName: string;

  /**
   * @generated from field: optional string producer_version = 3;
   */
  producerVersion: string;

  /**
   * @generated from field: optional string domain = 4;
   */
  domain: string;

  /**
   * @generated from field: optional int64 model_version = 5;
   */
  modelVersion: bigint;

  /**
   * @generated from field: optional string doc_string = 6;
   */
  docString: string;

  /**
   * @generated from field: optional onnx.GraphProto graph = 7;
   */
  graph?: GraphProto | undefined;

  /**
   * @generated from field: repeated onnx.StringStringEntryProto metadata_props = 14;
   */
  metadataProps: StringStringEntryProto[];

  /**
   * @generated from field: repeated onnx.TrainingInfoProto training_info = 20;
   */
  trainingInfo: TrainingInfoProto[];

  /**
   * @generated from field: repeated onnx.FunctionProto functions = 25;
   */
  functions: FunctionProto[];
};

/**
 * Describes the message onnx.ModelProto.
 * Use `create(ModelProtoSchema)` to create a new message.
 */
export const ModelProtoSchema: GenMessage<ModelProto> = /*@__PURE__*/ messageDesc(file_onnx, 4);

/**
 * @generated from message onnx.StringStringEntryProto
 */
export type StringStringEntryProto = Message<'onnx.StringStringEntryProto'> & {
  /**
   * @generated from field: optional string key = 1;
   */
  key: string;

  /**
   * @generated from field: optional string value = 2;
   */
  value: string;
};

/**
 * Describes the message onnx.StringStringEntryProto.
 * Use `create(StringStringEntryProtoSchema)` to create a new message.
 */
export const StringStringEntryProtoSchema: GenMessage<StringStringEntryProto> = /*@__PURE__*/ messageDesc(file_onnx, 5);

/**
 * @generated from message onnx.TensorAnnotation
 */
export type TensorAnnotation = Message<'onnx.TensorAnnotation'> & {
  /**
   * @generated from field: optional string tensor_name = 1;
   */
  tensorName: string;

  /**
   * @generated from field: repeated onnx.StringStringEntryProto quant_parameter_tensor_names = 2;
   */
  quantParameterTensorNames: StringStringEntryProto[];
};

/**
 * Describes the message onnx.TensorAnnotation.
 * Use `create(TensorAnnotationSchema)` to create a new message.
 */
export const TensorAnnotationSchema: GenMessage<TensorAnnotation> = /*@__PURE__*/ messageDesc(file_onnx, 6);

/**
 * @generated from message onnx.GraphProto
 */
export type GraphProto = Message<'onnx.GraphProto'> & {
  /**
   * @generated from field: repeated onnx.NodeProto node = 1;
   */
  node: NodeProto[];

  /**
   * @generated from field: optional string name = 2;
   */
  name: string;

  /**
   * @generated from field: repeated onnx.TensorProto initializer = 5;
   */
  initializer: TensorProto[];

  /**
   * @generated from field: repeated onnx.SparseTensorProto sparse_initializer = 15;
   */
  sparseInitializer: SparseTensorProto[];

  /**
   * @generated from field: optional string doc_string = 10;
   */
  docString: string;

  /**
   * @generated from field: repeated onnx.ValueInfoProto input = 11;
   */
  input: ValueInfoProto[];

  /**
   * @generated from field: repeated onnx.ValueInfoProto output = 12;
   */
  output: ValueInfoProto[];

  /**
   * @generated from field: repeated onnx.ValueInfoProto value_info = 13;
   */
  valueInfo: ValueInfoProto[];

  /**
   * @generated from field: repeated onnx.TensorAnnotation quantization_annotation = 14;
   */
  quantizationAnnotation: TensorAnnotation[];
};

/**
 * Describes the message onnx.GraphProto.
 * Use `create(GraphProtoSchema)` to create a new message.
 */
export const GraphProtoSchema: GenMessage<GraphProto> = /*@__PURE__*/ messageDesc(file_onnx, 7);

/**
 * @generated from message onnx.TensorProto
 */
export type TensorProto = Message<'onnx.TensorProto'> & {
  /**
   * @generated from field: repeated int64 dims = 1;
   */
  dims: bigint[];

  /**
   * @generated from field: optional int32 data_type = 2;
   */
  dataType: number;

  /**
   * @generated from field: optional onnx.TensorProto.Segment segment = 3;
   */
  segment?: TensorProto_Segment | undefined;

  /**
   * @generated from field: repeated float float_data = 4 [packed = true];
   */
  floatData: number[];

  /**
   * @generated from field: repeated int32 int32_data = 5 [packed = true];
   */
  int32Data: number[];

  /**
   * @generated from field: repeated bytes string_data = 6;
   */
  stringData: Uint8Array[];

  /**
   * @generated from field: repeated int64 int64_data = 7 [packed = true];
   */
  int64Data: bigint[];

  /**
   * @generated from field: optional string name = 8;
   */
  name: string;

  /**
   * @generated from field: optional string doc_string = 12;
   */
  docString: string;

  /**
   * @generated from field: optional bytes raw_data = 9;
   */
  rawData: Uint8Array;

  /**
   * @generated from field: repeated onnx.StringStringEntryProto external_data = 13;
   */
  externalData: StringStringEntryProto[];

  /**
   * @generated from field: optional onnx.TensorProto.DataLocation data_location = 14;
   */
  dataLocation: TensorProto_DataLocation;

  /**
   * @generated from field: repeated double double_data = 10 [packed = true];
   */
  doubleData: number[];

  /**
   * @generated from field: repeated uint64 uint64_data = 11 [packed = true];
   */
  uint64Data: bigint[];
};

/**
 * Describes the message onnx.TensorProto.
 * Use `create(TensorProtoSchema)` to create a new message.
 */
export const TensorProtoSchema: GenMessage<TensorProto> = /*@__PURE__*/ messageDesc(file_onnx, 8);

/**
 * @generated from message onnx.TensorProto.Segment
 */
export type TensorProto_Segment = Message<'onnx.TensorProto.Segment'> & {
  /**
   * @generated from field: optional int64 begin = 1;
   */
  begin: bigint;

  /**
   * @generated from field: optional int64 end = 2;
   */
  end: bigint;
};

/**
 * Describes the message onnx.TensorProto.Segment.
 * Use `create(TensorProto_SegmentSchema)` to create a new message.
 */
export const TensorProto_SegmentSchema: GenMessage<TensorProto_Segment> = /*@__PURE__*/ messageDesc(file_onnx, 8, 0);

/**
 * @generated from enum onnx.TensorProto.DataType
 */
export enum TensorProto_DataType {
  /**
   * @generated from enum value: UNDEFINED = 0;
   */
  UNDEFINED = 0,

  /**
   * @generated from enum value: FLOAT = 1;
   */
  FLOAT = 1,

  /**
   * @generated from enum value: UINT8 = 2;
   */
  UINT8 = 2,

  /**
   * @generated from enum value: INT8 = 3;
   */
  INT8 = 3,

  /**
   * @generated from enum value: UINT16 = 4;
   */
  UINT16 = 4,

  /**
   * @generated from enum value: INT16 = 5;
   */
  INT16 = 5,

  /**
   * @generated from enum value: INT32 = 6;
   */
  INT32 = 6,

  /**
   * @generated from enum value: INT64 = 7;
   */
  INT64 = 7,

  /**
   * @generated from enum value: STRING = 8;
   */
  STRING = 8,

  /**
   * @generated from enum value: BOOL = 9;
   */
  BOOL = 9,

  /**
   * @generated from enum value: FLOAT16 = 10;
   */
  FLOAT16 = 10,

  /**
   * @generated from enum value: DOUBLE = 11;
   */
  DOUBLE = 11,

  /**
   * @generated from enum value: UINT32 = 12;
   */
  UINT32 = 12,

  /**
   * @generated from enum value: UINT64 = 13;
   */
  UINT64 = 13,

  /**
   * @generated from enum value: COMPLEX64 = 14;
   */
  COMPLEX64 = 14,

  /**
   * @generated from enum value: COMPLEX128 = 15;
   */
  COMPLEX128 = 15,

  /**
   * @generated from enum value: BFLOAT16 = 16;
   */
  BFLOAT16 = 16,
}

/**
 * Describes the enum onnx.TensorProto.DataType.
 */
export const TensorProto_DataTypeSchema: GenEnum<TensorProto_DataType> = /*@__PURE__*/ enumDesc(file_onnx, 8, 0);

/**
 * @generated from enum onnx.TensorProto.DataLocation
 */
export enum TensorProto_DataLocation {
  /**
   * @generated from enum value: DEFAULT = 0;
   */
  DEFAULT = 0,

  /**
   * @generated from enum value: EXTERNAL = 1;
   */
  EXTERNAL = 1,
}

/**
 * Describes the enum onnx.TensorProto.DataLocation.
 */
export const TensorProto_DataLocationSchema: GenEnum<TensorProto_DataLocation> =
  /*@__PURE__*/
  enumDesc(file_onnx, 8, 1);

/**
 * @generated from message onnx.SparseTensorProto
 */
export type SparseTensorProto = Message<'onnx.SparseTensorProto'> & {
  /**
   * @generated from field: optional onnx.TensorProto values = 1;
   */
  values?: TensorProto | undefined;

  /**
   * @generated from field: optional onnx.TensorProto indices = 2;
   */
  indices?: TensorProto | undefined;

  /**
   * @generated from field: repeated int64 dims = 3;
   */
  dims: bigint[];
};

/**
 * Describes the message onnx.SparseTensorProto.
 * Use `create(SparseTensorProtoSchema)` to create a new message.
 */
export const SparseTensorProtoSchema: GenMessage<SparseTensorProto> = /*@__PURE__*/ messageDesc(file_onnx, 9);

/**
 * @generated from message onnx.TensorShapeProto
 */
export type TensorShapeProto = Message<'onnx.TensorShapeProto'> & {
  /**
   * @generated from field: repeated onnx.TensorShapeProto.Dimension dim = 1;
   */
  dim: TensorShapeProto_Dimension[];
};

/**
 * Describes the message onnx.TensorShapeProto.
 * Use `create(TensorShapeProtoSchema)` to create a new message.
 */
export const TensorShapeProtoSchema: GenMessage<TensorShapeProto> = /*@__PURE__*/ messageDesc(file_onnx, 10);

/**
 * @generated from message onnx.TensorShapeProto.Dimension
 */
export type TensorShapeProto_Dimension = Message<'onnx.TensorShapeProto.Dimension'> & {
  /**
   * @generated from oneof onnx.TensorShapeProto.Dimension.value
   */
  value:
    | {
        /**
         * @generated from field: int64 dim_value = 1;
         */
        value: bigint;
        case: 'dimValue';
      }
    | {
        /**
         * @generated from field: string dim_param = 2;
         */
        value: string;
        case: 'dimParam';
      }
    | { case: undefined; value?: undefined };

  /**
   * @generated from field: optional string denotation = 3;
   */
  denotation: string;
};

/**
 * Describes the message onnx.TensorShapeProto.Dimension.
 * Use `create(TensorShapeProto_DimensionSchema)` to create a new message.
 */
export const TensorShapeProto_DimensionSchema: GenMessage<TensorShapeProto_Dimension> =
  /*@__PURE__*/
  messageDesc(file_onnx, 10, 0);

/**
 * @generated from message onnx.TypeProto
 */
export type TypeProto = Message<'onnx.TypeProto'> & {
  /**
   * @generated from oneof onnx.TypeProto.value
   */
  value:
    | {
        /**
         * @generated from field: onnx.TypeProto.Tensor tensor_type = 1;
         */
        value: TypeProto_Tensor;
        case: 'tensorType';
      }
    | {
        /**
         * @generated from field: onnx.TypeProto.Sequence sequence_type = 4;
         */
        value: TypeProto_Sequence;
        case: 'sequenceType';
      }
    | {
        /**
         * @generated from field: onnx.TypeProto.Map map_type = 5;
         */
        value: TypeProto_Map;
        case: 'mapType';
      }
    | {
        /**
         * @generated from field: onnx.TypeProto.Optional optional_type = 9;
         */
        value: TypeProto_Optional;
        case: 'optionalType';
      }
    | {
        /**
         * @generated from field: onnx.TypeProto.SparseTensor sparse_tensor_type = 8;
         */
        value: TypeProto_SparseTensor;
        case: 'sparseTensorType';
      }
    | {
        /**
         * @generated from field: onnx.TypeProto.Opaque opaque_type = 7;
         */
        value: TypeProto_Opaque;
        case: 'opaqueType';
      }
    | { case: undefined; value?: undefined };

  /**
   * @generated from field: optional string denotation = 6;
   */
  denotation: string;
};

/**
 * Describes the message onnx.TypeProto.
 * Use `create(TypeProtoSchema)` to create a new message.
 */
export const TypeProtoSchema: GenMessage<TypeProto> = /*@__PURE__*/ messageDesc(file_onnx, 11);

/**
 * @generated from message onnx.TypeProto.Tensor
 */
export type TypeProto_Tensor = Message<'onnx.TypeProto.Tensor'> & {
  /**
   * @generated from field: optional int32 elem_type = 1;
   */
  elemType: number;

  /**
   * @generated from field: optional onnx.TensorShapeProto shape = 2;
   */
  shape?: TensorShapeProto | undefined;
};

/**
 * Describes the message onnx.TypeProto.Tensor.
 * Use `create(TypeProto_TensorSchema)` to create a new message.
 */
export const TypeProto_TensorSchema: GenMessage<TypeProto_Tensor> = /*@__PURE__*/ messageDesc(file_onnx, 11, 0);

/**
 * @generated from message onnx.TypeProto.Sequence
 */
export type TypeProto_Sequence = Message<'onnx.TypeProto.Sequence'> & {
  /**
   * @generated from field: optional onnx.TypeProto elem_type = 1;
   */
  elemType?: TypeProto | undefined;
};

/**
 * Describes the message onnx.TypeProto.Sequence.
 * Use `create(TypeProto_SequenceSchema)` to create a new message.
 */
export const TypeProto_SequenceSchema: GenMessage<TypeProto_Sequence> = /*@__PURE__*/ messageDesc(file_onnx, 11, 1);

/**
 * @generated from message onnx.TypeProto.Map
 */
export type TypeProto_Map = Message<'onnx.TypeProto.Map'> & {
  /**
   * @generated from field: optional int32 key_type = 1;
   */
  keyType: number;

  /**
   * @generated from field: optional onnx.TypeProto value_type = 2;
   */
  valueType?: TypeProto | undefined;
};

/**
 * Describes the message onnx.TypeProto.Map.
 * Use `create(TypeProto_MapSchema)` to create a new message.
 */
export const TypeProto_MapSchema: GenMessage<TypeProto_Map> = /*@__PURE__*/ messageDesc(file_onnx, 11, 2);

/**
 * @generated from message onnx.TypeProto.Optional
 */
export type TypeProto_Optional = Message<'onnx.TypeProto.Optional'> & {
  /**
   * @generated from field: optional onnx.TypeProto elem_type = 1;
   */
  elemType?: TypeProto | undefined;
};

/**
 * Describes the message onnx.TypeProto.Optional.
 * Use `create(TypeProto_OptionalSchema)` to create a new message.
 */
export const TypeProto_OptionalSchema: GenMessage<TypeProto_Optional> = /*@__PURE__*/ messageDesc(file_onnx, 11, 3);

/**
 * @generated from message onnx.TypeProto.SparseTensor
 */
export type TypeProto_SparseTensor = Message<'onnx.TypeProto.SparseTensor'> & {
  /**
   * @generated from field: optional int32 elem_type = 1;
   */
  elemType: number;

  /**
   * @generated from field: optional onnx.TensorShapeProto shape = 2;
   */
  shape?: TensorShapeProto | undefined;
};

/**
 * Describes the message onnx.TypeProto.SparseTensor.
 * Use `create(TypeProto_SparseTensorSchema)` to create a new message.
 */
export const TypeProto_SparseTensorSchema: GenMessage<TypeProto_SparseTensor> =
  /*@__PURE__*/
  messageDesc(file_onnx, 11, 4);

/**
 * @generated from message onnx.TypeProto.Opaque
 */
export type TypeProto_Opaque = Message<'onnx.TypeProto.Opaque'> & {
  /**
   * @generated from field: optional string domain = 1;
   */
  domain: string;

  /**
   * @generated from field: optional string name = 2;
   */
  name: string;
};

/**
 * Describes the message onnx.TypeProto.Opaque.
 * Use `create(TypeProto_OpaqueSchema)` to create a new message.
 */
export const TypeProto_OpaqueSchema: GenMessage<TypeProto_Opaque> = /*@__PURE__*/ messageDesc(file_onnx, 11, 5);

/**
 * @generated from message onnx.OperatorSetIdProto
 */
export type OperatorSetIdProto = Message<'onnx.OperatorSetIdProto'> & {
  /**
   * @generated from field: optional string domain = 1;
   */
  domain: string;

  /**
   * @generated from field: optional int64 version = 2;
   */
  version: bigint;
};

/**
 * Describes the message onnx.OperatorSetIdProto.
 * Use `create(OperatorSetIdProtoSchema)` to create a new message.
 */
export const OperatorSetIdProtoSchema: GenMessage<OperatorSetIdProto> = /*@__PURE__*/ messageDesc(file_onnx, 12);

/**
 * @generated from message onnx.FunctionProto
 */
export type FunctionProto = Message<'onnx.FunctionProto'> & {
  /**
   * @generated from field: optional string name = 1;
   */
  name: string;

  /**
   * @generated from field: repeated string input = 4;
   */
  input: string[];

  /**
   * @generated from field: repeated string output = 5;
   */
  output: string[];

  /**
   * @generated from field: repeated string attribute = 6;
   */
  attribute: string[];

  /**
   * @generated from field: repeated onnx.NodeProto node = 7;
   */
  node: NodeProto[];

  /**
   * @generated from field: optional string doc_string = 8;
   */
  docString: string;

  /**
   * @generated from field: repeated onnx.OperatorSetIdProto opset_import = 9;
   */
  opsetImport: OperatorSetIdProto[];

  /**
   * @generated from field: optional string domain = 10;
   */
  domain: string;
};

/**
 * Describes the message onnx.FunctionProto.
 * Use `create(FunctionProtoSchema)` to create a new message.
 */
export const FunctionProtoSchema: GenMessage<FunctionProto> = /*@__PURE__*/ messageDesc(file_onnx, 13);

/**
 * @generated from enum onnx.Version
 */
export enum Version {
  /**
   * @generated from enum value: _START_VERSION = 0;
   */
  _START_VERSION = 0,

  /**
   * @generated from enum value: IR_VERSION_2017_10_10 = 1;
   */
  IR_VERSION_2017_10_10 = 1,

  /**
   * @generated from enum value: IR_VERSION_2017_10_30 = 2;
   */
  IR_VERSION_2017_10_30 = 2,

  /**
   * @generated from enum value: IR_VERSION_2017_11_3 = 3;
   */
  IR_VERSION_2017_11_3 = 3,

  /**
   * @generated from enum value: IR_VERSION_2019_1_22 = 4;
   */
  IR_VERSION_2019_1_22 = 4,

  /**
   * @generated from enum value: IR_VERSION_2019_3_18 = 5;
   */
  IR_VERSION_2019_3_18 = 5,

  /**
   * @generated from enum value: IR_VERSION_2019_9_19 = 6;
   */
  IR_VERSION_2019_9_19 = 6,

  /**
   * @generated from enum value: IR_VERSION_2020_5_8 = 7;
   */
  IR_VERSION_2020_5_8 = 7,

  /**
   * @generated from enum value: IR_VERSION = 8;
   */
  IR_VERSION = 8,
}

/**
 * Describes the enum onnx.Version.
 */
export const VersionSchema: GenEnum<Version> = /*@__PURE__*/ enumDesc(file_onnx, 0);

/**
 * @generated from enum onnx.OperatorStatus
 */
export enum OperatorStatus {
  /**
   * @generated from enum value: EXPERIMENTAL = 0;
   */
  EXPERIMENTAL = 0,

  /**
   * @generated from enum value: STABLE = 1;
   */
  STABLE = 1,
}

/**
 * Describes the enum onnx.OperatorStatus.
 */
export const OperatorStatusSchema: GenEnum<OperatorStatus> = /*@__PURE__*/ enumDesc(file_onnx, 1);
