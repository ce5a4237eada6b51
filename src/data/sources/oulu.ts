/** OULU-NPU: 55 people, 6 phones, 3 sessions; prints of two printers and replays on two displays. */
import { parseEyes } from './annotations.js';
import { readOuluProtocols } from './ouluProtocols.js';
import { labelOf, range, type Source } from './source.js';

const splits = { train: 'train', dev: 'dev', test: 'test' } as const;
const folders = { train: 'Train_files', dev: 'Dev_files', test: 'Test_files' } as const;
const users = { train: range(1, 20), dev: range(21, 35), test: range(36, 55) };

/** The last number of a file's name. */
const files: Record<string, { attackType: string; pai: string }> = {
  1: { attackType: 'live', pai: '' },
  2: { attackType: 'print', pai: 'printer1' },
  3: { attackType: 'print', pai: 'printer2' },
  4: { attackType: 'replay', pai: 'display1' },
  5: { attackType: 'replay', pai: 'display2' },
};

export const oulu: Source = {
  id: 'oulu',
  name: 'OULU-NPU',
  letter: 'O',
  media: 'video',
  extensions: ['avi', 'mp4', 'mov'],
  present(path) {
    const match = /(?:^|\/)(train|dev|test)_files\/([1-6])_([1-3])_(\d{1,2})_([1-5])$/i.exec(path);
    if (!match) return null;
    const [, part, phone, session, user, file] = match as unknown as [string, string, string, string, string, string];
    const subject = user.padStart(2, '0');
    const { attackType, pai } = files[file]!;
    return {
      video: `${phone}_${session}_${subject}_${file}`,
      split: splits[part.toLowerCase() as keyof typeof splits],
      subject,
      label: labelOf(attackType),
      attackType,
      pai,
      extra: { phone, session },
    };
  },
  annotation: { extension: 'txt', eyes: true, parse: parseEyes },
  ownFiles: /(?:^|\/)protocols?\/.*\.txt$/i,
  tree: 'Train_files, Dev_files, Test_files with Phone_Session_User_File.avi and .txt; Protocols',
  published: {
    all: { live: 990, attack: 3960 },
    splits: {
      train: { live: 360, attack: 1440 },
      dev: { live: 270, attack: 1080 },
      test: { live: 360, attack: 1440 },
    },
    subjects: 55,
  },
  expectedPaths: () =>
    (['train', 'dev', 'test'] as const).flatMap((split) =>
      users[split].flatMap((user) =>
        range(1, 6).flatMap((phone) =>
          range(1, 3).flatMap((session) =>
            range(1, 5).map(
              (file) => `${folders[split]}/${phone}_${session}_${String(user).padStart(2, '0')}_${file}.avi`,
            ),
          ),
        ),
      ),
    ),
  subsets: { default: { splits: ['train', 'test'] } },
  developmentPart: ({ split, subject }) => (split !== 'dev' ? 'train' : Number(subject) === 21 ? null : 'dev'),
  shortest: 50,
  protocols: readOuluProtocols,
};
