/** The names of releases, as `ldc prepare` is given them, and their letters: `wmca-to-O` is `W-to-oulu` and `W-to-O`. */

/** A release without a letter of its own is called by its name. */
export const letterOfName: Readonly<Record<string, string>> = {
  oulu: 'O',
  casia: 'C',
  replay: 'I',
  msu: 'M',
  '3dmad': 'D',
  hkbu: 'H',
  siw: 'S',
  'rose-youtu': 'R',
  'celeba-spoof': 'A',
  wmca: 'W',
  surf: 'surf',
  cefa: 'cefa',
  siwm: 'siwm',
  wfas: 'wfas',
  hifimask: 'hifimask',
  uniattack: 'uniattack',
};

/** Whether it names a release, in any case. */
export function namesRelease(name: string): boolean {
  return Object.hasOwn(letterOfName, name.toLowerCase());
}

/** The letter of a release that is named; other names are letters already, or names that the data know. */
export function letterOf(name: string): string {
  return namesRelease(name) ? letterOfName[name.toLowerCase()]! : name;
}

/** The fourteen attacks of SiW-M v2, each of which `siwm/ATTACK` leaves out. */
export const siwmAttacks = [
  'print',
  'replay',
  'half_mask',
  'silicone_mask',
  'transparent_mask',
  'paper_mask',
  'mannequin',
  'obfuscation',
  'impersonation',
  'cosmetic',
  'funny_eyes',
  'paper_glasses',
  'partial_eye',
  'partial_mouth',
] as const;
