/** A sample of a list that stands for the whole of it. */

/** `count` of the list, evenly spaced and in its order; all of it where there are not more. */
export function evenly<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list];
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)]!);
}
