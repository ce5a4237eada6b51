/** A YAML file as plain values, with the line that each key stands on. */
import { readFile } from 'node:fs/promises';
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { messageOf, UserError } from '../base/errors.js';

export interface YamlFile {
  value: unknown;
  /** The line of the key, or of the item, at `path`, counted from 1. */
  lineOf(path: readonly PropertyKey[]): number;
}

/** @param kind what the file is, for messages: "the configuration" @throws UserError when it cannot be read or is not YAML */
export async function readYamlFile(file: string, kind: string): Promise<YamlFile> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(`${kind} ${file} ${missing ? 'does not exist' : `cannot be read: ${messageOf(error)}`}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw new UserError(`${lowerFirst(error.message)}, in ${file} line ${lines.linePos(error.pos[0]).line}`);
  const lineOf = (path: readonly PropertyKey[]) => lines.linePos(offsetOf(document.contents as Node | null, path)).line;
  return { value: valuesOf(document, file), lineOf };
}

/** An alias without its anchor, or one that multiplies what it stands for, is found only here. */
function valuesOf(document: Document, file: string): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    throw new UserError(`${lowerFirst(messageOf(error))}, in ${file}`);
  }
}

function offsetOf(contents: Node | null, path: readonly PropertyKey[]): number {
  let node = contents;
  let offset = node?.range?.[0] ?? 0;
  for (const name of path) {
    if (isSeq(node)) {
      node = (node.items[Number(name)] ?? null) as Node | null;
      offset = node?.range?.[0] ?? offset;
      continue;
    }
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === name) : undefined;
    if (!pair) break;
    offset = (pair.key as Node).range?.[0] ?? offset;
    node = pair.value as Node | null;
  }
  return offset;
}

export function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
