/** Ranges that the parameters of a scene are drawn from. */
import type { Philox } from '../../engine/random.js';

/** `[least, most]` */
export type Range = readonly [number, number];

/** Draws numbers spread evenly between two bounds. */
export type Between = (least: number, most: number) => number;

export function betweenOf(random: Philox): Between {
  return (least, most) => least + (most - least) * random.uniform();
}
