/** `--video REGEX` and `--subject REGEX`: the user says which parts of a path are whose. */
import { messageOf, UserError } from '../../base/errors.js';

export interface NamePatterns {
  video: RegExp | null;
  subject: RegExp | null;
}

/** What the patterns find in a path; what they do not ask for is left out. */
export interface PatternNames {
  video?: string;
  subject?: string;
  frame?: number;
}

/** @throws UserError for what is no regular expression */
export function readPatterns(texts: { video?: string; subject?: string }): NamePatterns {
  const read = (flag: string, text: string | undefined) => {
    if (text === undefined) return null;
    try {
      return new RegExp(text);
    } catch (error) {
      throw new UserError(
        `--${flag} is no regular expression: ${messageOf(error)}`,
        `as in --${flag} '(?<${flag}>[^/]+)_'; groups are called video, subject and frame`,
      );
    }
  };
  return { video: read('video', texts.video), subject: read('subject', texts.subject) };
}

/**
 * The groups `video`, `subject` and `frame` of either pattern. A pattern without the group that its flag is called by means its first
 * group, or all that it finds.
 * @param path with `/`
 * @throws UserError for a frame that is no whole number
 * @returns the flag whose pattern does not fit, as a string
 */
export function namesIn(path: string, patterns: NamePatterns): PatternNames | 'video' | 'subject' {
  const names: PatternNames = {};
  for (const flag of ['video', 'subject'] as const) {
    const pattern = patterns[flag];
    if (!pattern) continue;
    const match = pattern.exec(path);
    const own = match?.groups?.[flag] ?? (match?.groups ? undefined : match?.[1]) ?? match?.[0];
    if (!match || !own) return flag;
    names[flag] = own;
    const { video, subject, frame } = match.groups ?? {};
    if (video) names.video = video;
    if (subject) names.subject = subject;
    if (frame !== undefined) names.frame = wholeNumber(frame, flag, path);
    // The number behind what names the video is a frame's.
    else if (flag === 'video')
      names.frame ??= Number(/(\d{1,9})(?:\.0+)?\.\w+$/.exec(path.slice(match.index + match[0].length))?.[1] ?? 0);
  }
  return names;
}

function wholeNumber(text: string, flag: string, path: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UserError(`--${flag} finds the frame "${text}" in ${path}, which is no whole number`);
}
