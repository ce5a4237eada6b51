/** What `ldc datasets` says of a crop set. */
import { type Counts, countFrames, type LiveAttack } from './counts.js';
import { type Audit, type CropSet, missingFiles, type Origins } from './cropSet.js';
import { relativePath } from './manifest.js';
import { framesOf } from './select.js';

export interface DatasetSummary extends Counts {
  name: string;
  letter: string;
  /** Absolute path of the folder. */
  path: string;
  synthetic: boolean;
  /** Videos of each named subset. */
  subsets: Record<string, LiveAttack>;
  /** Videos that the full release has in them, where that is published. */
  published: Record<string, LiveAttack>;
  /** What preparation found wrong with the release; `missing` also has the crops that are no longer there. */
  audit: Audit;
  /** Images by what said their labels, people and videos; empty where the manifest alone knows. */
  origins: Origins;
}

/** Counts a set and looks whether its images are there. */
export async function summarize(set: CropSet): Promise<DatasetSummary> {
  const { videos, images, subjects } = countFrames(set.frames);
  const subsets = ['all', ...Object.keys(set.subsets).filter((name) => name !== 'all')];
  const missing = (await missingFiles(set.frames)).map(relativePath);
  return {
    name: set.name,
    letter: set.letter,
    path: set.dir,
    synthetic: set.synthetic,
    videos,
    images,
    subjects,
    subsets: Object.fromEntries(
      subsets.map((name) => [name, name === 'all' ? videos : countFrames(framesOf(set, name)).videos]),
    ),
    published: set.published,
    audit: { ...set.audit, missing: [...set.audit.missing, ...missing] },
    origins: set.origins,
  };
}
