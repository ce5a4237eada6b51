/** Tensors that fixtures do not store: values made from their names (test/fixtures/README.md, "Generated tensors"). */

/** FNV-1a, 32 bits, of the UTF-8 bytes. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** `count` float32 values fround(offset + (2u − 1) scale), with u from mulberry32 started at fnv1a(name) xor seed. */
export function generate(
  name: string,
  seed: number,
  count: number,
  { scale, offset }: { scale: number; offset: number },
): Float32Array {
  const values = new Float32Array(count);
  let state = (fnv1a(name) ^ seed) >>> 0;
  for (let k = 0; k < count; k++) {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    const u = ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    values[k] = offset + (u * 2 - 1) * scale;
  }
  return values;
}
