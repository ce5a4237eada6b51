/** The user's own face photographs as sitters. */
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import sharp from 'sharp';
import { messageOf, UserError } from '../../base/errors.js';
import type { Pose } from './identity.js';
import { createImage, type Image, imageFromBytes, sampleInto } from './image.js';
import type { Light } from './light.js';

const extensions = new Set(['.jpg', '.jpeg', '.png']);

/** One person: a photograph, or a folder of photographs of the same person. */
export interface Person {
  readonly name: string;
  readonly files: readonly string[];
}

/**
 * The people of a folder, by name: every JPEG or PNG in it, and every sub-folder that holds some.
 * @throws UserError when the folder cannot be read or has no photograph
 */
export async function findPeople(folder: string): Promise<Person[]> {
  const people: Person[] = [];
  for (const name of await list(folder)) {
    const path = join(folder, name);
    if (isPhoto(name)) people.push({ name, files: [path] });
    else if (await isFolder(path)) {
      const files = (await list(path)).filter(isPhoto).map((file) => join(path, file));
      if (files.length > 0) people.push({ name, files });
    }
  }
  if (people.length === 0) {
    throw new UserError(`no face photograph in ${folder}`, 'put .jpg or .png files there, or one sub-folder a person');
  }
  return people;
}

/** False, too, for a link that leads nowhere. */
async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function isPhoto(name: string): boolean {
  return extensions.has(extname(name).toLowerCase());
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    throw new UserError(
      `cannot read the folder of faces ${folder}: ${messageOf(error)}`,
      'name a folder of face photographs',
    );
  }
}

/**
 * The centre square of a photograph as linear light, `[side, side, 3]`, upright as its camera meant it.
 * @throws UserError when the file is no image
 */
export async function readPhoto(path: string, side: number): Promise<Image> {
  try {
    const bytes = await sharp(path)
      .autoOrient()
      .flatten({ background: '#808080' })
      .toColourspace('srgb')
      .resize(side, side, { fit: 'cover', kernel: 'lanczos3' })
      .raw()
      .toBuffer();
    return imageFromBytes(side, side, bytes);
  } catch (error) {
    throw new UserError(
      `cannot read the face photograph ${path}: ${messageOf(error)}`,
      'remove it or replace it with a JPEG or PNG',
    );
  }
}

/**
 * A moment of a photographed subject: the photograph moved as `pose` moves the head (roll, shift, zoom; it cannot turn), lit
 * a little more from where the light comes.
 */
export function frameOfPhoto(photo: Image, side: number, pose: Pose, light: Light): Image {
  const out = createImage(side, side);
  const point = new Float32Array(3);
  // Poses are stated for drawn heads, about 1.08 head units high; a photograph keeps a rim to move in.
  const zoom = 0.9 * (pose.half / 1.08);
  const cos = zoom * Math.cos(0.6 * pose.roll);
  const sin = zoom * Math.sin(0.6 * pose.roll);
  const mean = light.key[1] * light.direction[2] + light.sky[1];
  for (let py = 0; py < side; py++) {
    const y = ((py + 0.5) / side) * 2 - 1;
    for (let px = 0; px < side; px++) {
      const x = ((px + 0.5) / side) * 2 - 1;
      const u = mirror(cos * x + sin * y - pose.shiftX);
      const v = mirror(cos * y - sin * x - pose.shiftY);
      sampleInto(point, photo, ((u + 1) / 2) * photo.width - 0.5, ((v + 1) / 2) * photo.height - 0.5);
      const slope = 1 + 0.3 * (x * light.direction[0] + y * light.direction[1]);
      const at = 3 * (py * side + px);
      for (let c = 0; c < 3; c++) {
        const tinted = (light.key[c]! * light.direction[2] + light.sky[c]!) / mean;
        out.data[at + c] = point[c]! * tinted * slope;
      }
    }
  }
  return out;
}

/** Brings a coordinate beyond the photograph's rim back into -1…1. */
function mirror(u: number): number {
  return u > 1 ? 2 - u : u < -1 ? -2 - u : u;
}
