/**
 * How well the map of an attention estimator agrees with the Grad-CAM map that it was taught to predict: intersection over union,
 * and the pointing game (Zhang et al., 2018).
 */

/** Agreement on one image. */
export interface MapOverlap {
  /** Of the regions where each map is at least half of its own maximum. */
  iou: number;
  /** Whether the estimator's maximum lies in the region of the Grad-CAM map. */
  hit: boolean;
}

/** Agreement over the images of one kind. */
export interface MapOverlapSummary {
  images: number;
  /** Images that count: those whose Grad-CAM is positive somewhere. */
  counted: number;
  /** Means over what counts; null where nothing does. */
  iou: number | null;
  pointing: number | null;
}

/**
 * @param estimated, cam maps of equal size, not negative
 * @returns null for a Grad-CAM map of zeros: there is nothing to agree with. An estimator's map of zeros misses it.
 */
export function mapOverlap(estimated: ArrayLike<number>, cam: ArrayLike<number>): MapOverlap | null {
  const [camPeak, peak] = [peakOf(cam), peakOf(estimated)];
  if (camPeak.value <= 0) return null;
  if (peak.value <= 0) return { iou: 0, hit: false };
  let both = 0;
  let either = 0;
  for (let i = 0; i < cam.length; i++) {
    const inCam = cam[i]! >= camPeak.value / 2;
    const inEstimated = estimated[i]! >= peak.value / 2;
    if (inCam && inEstimated) both++;
    if (inCam || inEstimated) either++;
  }
  return { iou: both / either, hit: cam[peak.place]! >= camPeak.value / 2 };
}

/** Means over images that count; `null` stands for an image whose Grad-CAM is nowhere positive. */
export function summarizeOverlaps(overlaps: readonly (MapOverlap | null)[]): MapOverlapSummary {
  const counted = overlaps.filter((overlap) => overlap !== null);
  const mean = (value: (overlap: MapOverlap) => number) =>
    counted.length > 0 ? counted.reduce((sum, overlap) => sum + value(overlap), 0) / counted.length : null;
  return {
    images: overlaps.length,
    counted: counted.length,
    iou: mean(({ iou }) => iou),
    pointing: mean(({ hit }) => Number(hit)),
  };
}

/** The largest value and its first place. */
function peakOf(values: ArrayLike<number>): { value: number; place: number } {
  let place = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[place]!) place = i;
  return { value: values[place]!, place };
}
