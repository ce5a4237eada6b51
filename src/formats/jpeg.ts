/** JPEG files that were cut off: whether anything but the end marker can be missing. ITU-T T.81, annex B. */

const EOI = [0xff, 0xd9] as const;

/** Whether the file begins as a JPEG and does not end as one. */
export function lacksEnd(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && !(bytes.at(-2) === EOI[0] && bytes.at(-1) === EOI[1]);
}

/** The file with `filler` behind what is there of its pixels, and the end marker. */
export function withEnd(bytes: Uint8Array, filler: Uint8Array = new Uint8Array(0)): Uint8Array {
  // The first half of a marker that was cut in two.
  const kept = bytes.at(-1) === EOI[0] ? bytes.subarray(0, -1) : bytes;
  return Buffer.concat([kept, filler, Uint8Array.from(EOI)]);
}

/**
 * Whether scans have begun that together give every bit of every coefficient. A progressive file that was cut between two scans decodes
 * without complaint, to a coarser picture.
 */
export function hasAllScans(bytes: Uint8Array): boolean {
  const lowest = new Map<number, Uint8Array>();
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = bytes[at + 1]!;
    // Pixels, stuffed zeros and restarts stand between the segments; a marker may have any number of FF in front.
    if (bytes[at] !== 0xff || marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd7)) {
      at++;
      continue;
    }
    const segment = bytes.subarray(at + 4, at + 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!));
    // SOF0 … SOF15, but for the tables DHT, JPG and DAC among their numbers.
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      for (let i = 0; i < segment[5]!; i++) lowest.set(segment[6 + 3 * i]!, new Uint8Array(64).fill(0xff));
    } else if (marker === 0xda) {
      const count = segment[0]!;
      const [first, last, bits] = segment.subarray(1 + 2 * count) as unknown as [number, number, number];
      for (let i = 0; i < count; i++) lowest.get(segment[1 + 2 * i]!)?.fill(bits & 15, first, last + 1);
    }
    at += 4 + segment.length;
  }
  return lowest.size > 0 && [...lowest.values()].every((bits) => bits.every((bit) => bit === 0));
}
