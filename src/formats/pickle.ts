/**
 * A restricted unpickler. A pickle is a program for a small stack machine; this one builds plain values, and the only functions it
 * knows are those its caller hands in. Any other name in the file is refused when it is read, before anything could be done with it.
 * Opcodes: protocols 2 to 5 (Python's pickletools.py is their reference).
 */
import { UserError } from '../base/errors.js';
import { quote } from './quote.js';

/** What a pickle may hold. Tuples and lists are both arrays. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Map<Value, Value>
  | Callable
  | Inert
  | Reference;

/** A function of the allow-list. */
export interface Callable {
  kind: 'callable';
  name: string;
  call(args: Value[]): Value;
}

/** A value that may be there but whose content is of no interest. */
export interface Inert {
  kind: 'inert';
  name: string;
}

/** What the caller's functions make; the unpickler hands it around unseen. */
export interface Reference {
  kind: 'reference';
  readonly of: object;
}

export interface PickleRules {
  /** For messages. */
  path: string;
  /** The allow-list: the value that `module.name` stands for, or undefined to refuse it. */
  global(name: string): Value | undefined;
  /** What the persistent identifier `id` stands for. */
  persistent(id: Value): Value;
}

/** The bytes end before the pickle does. */
export class PickleCutShort extends Error {}

/** Lists, dictionaries, tuples, byte strings and results of calls; a real checkpoint holds some thousands. Keeps memory in proportion. */
const largestPopulation = 1_000_000;

/** Values kept for later reference (objects and their names), and values on the stack (Python writes lists a thousand at a time). */
const largestMemo = 2 * largestPopulation;
const largestStack = 2 * largestPopulation;

/** Bytes of the longest integer accepted. */
const longestInteger = 64;

interface Machine {
  rules: PickleRules;
  bytes: Buffer;
  at: number;
  stack: Value[];
  /** Heights of the stack at which open marks stand. */
  marks: number[];
  memo: Map<number, Value>;
  population: number;
}

/**
 * Runs the pickle that begins at `start`.
 * @returns its value, and where the bytes after it begin
 * @throws UserError when it is damaged or names something that is not on the allow-list
 * @throws PickleCutShort when `bytes` ends too early
 */
export function unpickle(bytes: Uint8Array, start: number, rules: PickleRules): { value: Value; end: number } {
  const machine: Machine = {
    rules,
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    at: start,
    stack: [],
    marks: [],
    memo: new Map(),
    population: 0,
  };
  while (true) {
    const opcode = readByte(machine);
    if (opcode === stopOpcode) return { value: pop(machine), end: machine.at };
    const operation = operations[opcode];
    if (operation === undefined) {
      throw damaged(machine, `it has the pickle opcode 0x${opcode.toString(16)}, which no checkpoint needs`);
    }
    operation(machine);
  }
}

const stopOpcode = 0x2e;

/** Indexed by opcode; the comment is the name in pickletools.py. */
const operations: Record<number, (machine: Machine) => void> = {
  128: readProtocol, // PROTO
  149: (m) => void take(m, 8), // FRAME: only a hint for buffering
  // Constants
  78: (m) => push(m, null), // NONE
  136: (m) => push(m, true), // NEWTRUE
  137: (m) => push(m, false), // NEWFALSE
  74: (m) => push(m, take(m, 4).readInt32LE()), // BININT
  75: (m) => push(m, readByte(m)), // BININT1
  77: (m) => push(m, take(m, 2).readUInt16LE()), // BININT2
  138: (m) => push(m, readInteger(m, readByte(m))), // LONG1
  139: (m) => push(m, readInteger(m, readLength4(m))), // LONG4
  71: (m) => push(m, take(m, 8).readDoubleBE()), // BINFLOAT
  88: (m) => push(m, take(m, readLength4(m)).toString('utf8')), // BINUNICODE
  140: (m) => push(m, take(m, readByte(m)).toString('utf8')), // SHORT_BINUNICODE
  141: (m) => push(m, take(m, readLength8(m)).toString('utf8')), // BINUNICODE8
  84: (m) => push(m, take(m, readLength4(m)).toString('latin1')), // BINSTRING (Python 2)
  85: (m) => push(m, take(m, readByte(m)).toString('latin1')), // SHORT_BINSTRING (Python 2)
  66: (m) => pushNew(m, take(m, readLength4(m))), // BINBYTES
  67: (m) => pushNew(m, take(m, readByte(m))), // SHORT_BINBYTES
  142: (m) => pushNew(m, take(m, readLength8(m))), // BINBYTES8
  150: (m) => pushNew(m, take(m, readLength8(m))), // BYTEARRAY8
  // Stack and memo
  40: mark, // MARK
  48: (m) => void pop(m), // POP
  49: (m) => void popMark(m), // POP_MARK
  50: (m) => push(m, top(m)), // DUP
  104: (m) => push(m, recall(m, readByte(m))), // BINGET
  106: (m) => push(m, recall(m, readLength4(m))), // LONG_BINGET
  113: (m) => remember(m, readByte(m)), // BINPUT
  114: (m) => remember(m, readLength4(m)), // LONG_BINPUT
  148: (m) => remember(m, m.memo.size), // MEMOIZE
  // Containers
  93: (m) => pushNew(m, []), // EMPTY_LIST
  41: (m) => pushNew(m, []), // EMPTY_TUPLE
  125: (m) => pushNew(m, new Map()), // EMPTY_DICT
  143: (m) => pushNew(m, []), // EMPTY_SET
  116: (m) => pushNew(m, popMark(m)), // TUPLE
  108: (m) => pushNew(m, popMark(m)), // LIST
  145: (m) => pushNew(m, popMark(m)), // FROZENSET
  133: (m) => pushNew(m, popSome(m, 1)), // TUPLE1
  134: (m) => pushNew(m, popSome(m, 2)), // TUPLE2
  135: (m) => pushNew(m, popSome(m, 3)), // TUPLE3
  100: (m) => pushNew(m, fill(m, new Map(), popMark(m))), // DICT
  97: (m) => append(m, popSome(m, 1)), // APPEND
  101: (m) => append(m, popMark(m)), // APPENDS
  144: (m) => append(m, popMark(m)), // ADDITEMS
  115: (m) => setItems(m, popSome(m, 2)), // SETITEM
  117: (m) => setItems(m, popMark(m)), // SETITEMS
  // Objects
  99: (m) => push(m, lookUp(m, `${readLine(m)}.${readLine(m)}`)), // GLOBAL
  147: (m) => push(m, lookUp(m, readStackName(m))), // STACK_GLOBAL
  82: call, // REDUCE
  129: call, // NEWOBJ
  98: build, // BUILD
  81: (m) => pushNew(m, m.rules.persistent(pop(m))), // BINPERSID
};

function readProtocol(m: Machine): void {
  const protocol = readByte(m);
  if (protocol > 5) throw damaged(m, `it has the pickle protocol ${protocol}`);
}

/** `callable, (arguments)` on the stack become the result. Only functions of the allow-list can be there. */
function call(m: Machine): void {
  const args = pop(m);
  const callee = pop(m);
  if (!isOf(callee, 'callable')) throw damaged(m, `it calls ${describe(callee)}, which is no function`);
  if (!Array.isArray(args)) throw damaged(m, `it calls ${callee.name} with ${describe(args)}`);
  pushNew(m, callee.call(args));
}

/** Attributes set on an object after it was made (`_metadata` of a state dict, the fields of a dtype): of no interest. */
function build(m: Machine): void {
  pop(m);
  const target = top(m);
  if (!(target instanceof Map) && !isOf(target, 'inert') && !isOf(target, 'reference')) {
    throw damaged(m, `it sets attributes on ${describe(target)}`);
  }
}

function lookUp(m: Machine, name: string): Value {
  const value = m.rules.global(name);
  if (value !== undefined) return value;
  throw new UserError(
    `${m.rules.path} refers to ${quote(name)}, which is not on the list of what a checkpoint may hold; nothing was executed`,
    'if you trust its source, load it in Python and save the weights alone: torch.save(model.state_dict(), FILE)',
  );
}

function readStackName(m: Machine): string {
  const [module, name] = popSome(m, 2);
  if (typeof module !== 'string' || typeof name !== 'string') throw damaged(m, 'it refers to something without a name');
  return `${module}.${name}`;
}

function append(m: Machine, items: Value[]): void {
  const list = top(m);
  if (isOf(list, 'inert')) return;
  if (!Array.isArray(list)) throw damaged(m, `it appends to ${describe(list)}`);
  for (const item of items) list.push(item);
}

function setItems(m: Machine, items: Value[]): void {
  const map = top(m);
  if (isOf(map, 'inert')) return;
  if (!(map instanceof Map)) throw damaged(m, `it sets items of ${describe(map)}`);
  fill(m, map, items);
}

function fill(m: Machine, map: Map<Value, Value>, items: Value[]): Map<Value, Value> {
  if (items.length % 2 !== 0) throw damaged(m, 'a dictionary has a key without a value');
  for (let k = 0; k < items.length; k += 2) map.set(items[k]!, items[k + 1]!);
  return map;
}

function push(m: Machine, value: Value): void {
  m.stack.push(value);
  checkStack(m);
}

function mark(m: Machine): void {
  m.marks.push(m.stack.length);
  checkStack(m);
}

function checkStack(m: Machine): void {
  if (m.stack.length + m.marks.length > largestStack) throw damaged(m, `it stacks more than ${largestStack} values`);
}

function pushNew(m: Machine, value: Value): void {
  if (++m.population > largestPopulation) throw damaged(m, `it holds more than ${largestPopulation} objects`);
  push(m, value);
}

/** Marks close off what lies below them. */
function floor(m: Machine): number {
  return m.marks.at(-1) ?? 0;
}

function top(m: Machine): Value {
  if (m.stack.length <= floor(m)) throw damaged(m, 'its pickle takes from an empty stack');
  return m.stack.at(-1)!;
}

function pop(m: Machine): Value {
  const value = top(m);
  m.stack.pop();
  return value;
}

function popSome(m: Machine, count: number): Value[] {
  if (m.stack.length - count < floor(m)) throw damaged(m, 'its pickle takes from an empty stack');
  return m.stack.splice(m.stack.length - count);
}

function popMark(m: Machine): Value[] {
  const mark = m.marks.pop();
  if (mark === undefined) throw damaged(m, 'its pickle closes what it never opened');
  return m.stack.splice(mark);
}

function remember(m: Machine, slot: number): void {
  m.memo.set(slot, top(m));
  if (m.memo.size > largestMemo) throw damaged(m, `it remembers more than ${largestMemo} values`);
}

function recall(m: Machine, slot: number): Value {
  const value = m.memo.get(slot);
  if (value === undefined) throw damaged(m, `its pickle recalls ${slot}, which it never remembered`);
  return value;
}

function take(m: Machine, length: number): Buffer {
  if (m.at + length > m.bytes.length) throw new PickleCutShort();
  m.at += length;
  return m.bytes.subarray(m.at - length, m.at);
}

function readByte(m: Machine): number {
  if (m.at >= m.bytes.length) throw new PickleCutShort();
  return m.bytes[m.at++]!;
}

function readLength4(m: Machine): number {
  return take(m, 4).readUInt32LE();
}

function readLength8(m: Machine): number {
  return Number(take(m, 8).readBigUInt64LE());
}

function readLine(m: Machine): string {
  const end = m.bytes.indexOf(10, m.at);
  if (end < 0) throw new PickleCutShort();
  const line = m.bytes.toString('utf8', m.at, end);
  m.at = end + 1;
  return line;
}

/** Two's complement, little-endian; a number where it is exact. */
function readInteger(m: Machine, length: number): number | bigint {
  if (length > longestInteger) throw damaged(m, `it holds an integer of ${length} bytes`);
  const bytes = take(m, length);
  if (length === 0) return 0;
  const value = BigInt.asIntN(8 * length, BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Whether `value` is a function, an inert value, or a reference. */
export function isOf<K extends 'callable' | 'inert' | 'reference'>(
  value: Value,
  kind: K,
): value is Extract<Value, { kind: K }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

/** What sort of value it is, in words for a message. */
export function describe(value: Value): string {
  if (value === null) return 'None';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a dictionary';
  if (value instanceof Uint8Array) return 'bytes';
  if (typeof value !== 'object') return `a ${typeof value}`;
  return value.kind === 'reference' ? 'a tensor or storage' : value.name;
}

function damaged(m: Machine, what: string): UserError {
  return new UserError(`${m.rules.path} is not a checkpoint that can be read: ${what}`);
}
