import { describe, expect, it } from 'vitest';
import { openDevice } from '../../../src/engine/device.js';
import { imagesToFeatures } from '../../../src/engine/ops/images.js';
import { Philox, purposes } from '../../../src/engine/random.js';
import { descriptiveLayers, layerPictures } from '../../../src/method/ldcnet/lowLevel.js';
import { LdcNet } from '../../../src/method/ldcnet/network.js';
import { pixelScaling } from '../../../src/method/normalize.js';
import { contactSheet, kindOrder } from '../../../src/report/contactSheet.js';

const device = openDevice('cpu', { threads: 1 });
const net = new LdcNet(device, { conv: { kind: 'ldc', theta: 0.5 }, mapSize: 8, seed: 1 });
const random = new Philox(1, purposes.synth);
const pixels = Uint8Array.from({ length: 2 * 32 * 32 * 3 }, () => random.int(256));
const images = () => imagesToFeatures(device, pixels, [2, 32, 32], pixelScaling('unit'));

describe('low-level feature pictures', () => {
  const layers = descriptiveLayers(net);

  it('know every descriptive convolution by the name that checkpoints give it', () => {
    expect(layers.size).toBe(16 + 6);
    const first = ['layer1.0.conv1', 'layer1.0.conv2', 'layer1.1.conv1', 'layer1.1.conv2'];
    expect([...layers.keys()].slice(0, 4)).toEqual(first);
    const names = new Set(net.state().map(({ name }) => name));
    for (const layer of layers.keys()) {
      expect(names.has(`backbone.${layer}.weight`) || names.has(`${layer}.conv.weight`), layer).toBe(true);
    }
  });

  it('are one minus the unit range of the sum over channels, image by image', async () => {
    const chosen = ['layer1.0.conv1', 'LiveEstor.conv.6'].map((name) => layers.get(name)!);
    const [early, map] = await layerPictures(net, chosen, images);
    expect(early!.map(({ height, width }) => [height, width])).toEqual([
      [8, 8],
      [8, 8],
    ]);
    expect(early![0]!.values).not.toEqual(early![1]!.values);
    // The estimator's last convolution has one channel, and the live map is its output behind a ReLU.
    const output = net.forward(images());
    const live = await output.liveMap.read();
    for (const tensor of Object.values(output)) tensor.release();
    for (const [i, { values }] of map!.entries()) {
      const answers = live.subarray(64 * i, 64 * (i + 1));
      expect(Math.min(...values)).toBe(0);
      expect(Math.max(...values)).toBe(1);
      // Dark is where the convolution answers most.
      expect(answers[values.indexOf(0)]).toBe(Math.max(...answers));
    }
  });

  it('leave the network as it was', async () => {
    const layer = layers.get('layer1.0.conv1')!;
    const [first] = await layerPictures(net, [layer], images);
    const [again] = await layerPictures(net, [layer], images);
    expect(again![0]!.values).toEqual(first![0]!.values);
  });
});

describe('the contact sheet', () => {
  it('has a column a kind, live first, then print, replay and the rest', async () => {
    const kinds = ['unknown', 'replay', 'mask', 'live', 'print', 'live'];
    expect(kindOrder(kinds)).toEqual(['live', 'print', 'replay', 'mask', 'unknown']);
    const cell = (kind: string) => ({ kind, pixels: pixels.subarray(0, 3072), picture: pixels.subarray(0, 1024) });
    const one = await contactSheet([cell('live'), cell('print')], 32, 'a <note>');
    const two = await contactSheet([cell('live'), cell('print'), cell('live')], 32, 'a <note>');
    const extent = (png: Buffer) => [png.readUInt32BE(16), png.readUInt32BE(20)] as const;
    expect(extent(two)[0]).toBe(extent(one)[0]);
    expect(extent(two)[1]).toBeGreaterThan(extent(one)[1]);
  });
});
