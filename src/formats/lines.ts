/** Lines of a file's bytes, a piece of text at a time: a text as long as a large file would take more memory, and may be none at all. */

/** Bytes that are turned into text at a time. */
const piece = 1 << 22;
const lineFeed = 10;

/** UTF-8 lines without their ends; what stands behind the last end is a line when there is something. */
export function* linesIn(bytes: Buffer): Generator<string> {
  for (let at = 0; at < bytes.length; ) {
    const end = endOfPiece(bytes, at);
    const lines = bytes.toString('utf8', at, end).split('\n');
    if (bytes[end - 1] === lineFeed) lines.pop();
    yield* lines;
    at = end;
  }
}

/** Behind the last line that ends within a piece; behind the first one where that is longer. */
function endOfPiece(bytes: Buffer, at: number): number {
  if (at + piece >= bytes.length) return bytes.length;
  const last = bytes.lastIndexOf(lineFeed, at + piece - 1) + 1;
  if (last > at) return last;
  return bytes.indexOf(lineFeed, at + piece) + 1 || bytes.length;
}
