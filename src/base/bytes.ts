/** Sizes as people write them, in powers of 1024. */

/** Bytes of `6G`, `512M` or `1.5TiB`; `null` for any other text. */
export function parseBytes(text: string): number | null {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([KMGT])(?:i?B)?$/i.exec(text) ?? [];
  return digits === undefined ? null : Number(digits) * 1024 ** ('KMGT'.indexOf(unit!.toUpperCase()) + 1);
}
