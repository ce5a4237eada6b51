/** `nn` of the package: modules, operations, optimisers and the paper's networks. Shapes and sources are told where each is defined. */
export { Initializer } from './engine/nn/init.js';
export { BatchNorm, Conv2d, Linear } from './engine/nn/layers.js';
export { loadState, Module, type StateSource } from './engine/nn/module.js';
export { conv2d } from './engine/ops/conv2d.js';
export { add, dropout, gradientReversal, mask, relu, scale } from './engine/ops/elementwise.js';
export { imagesToFeatures, mixColours, resizedCrop, rotate, scaleChannels } from './engine/ops/images.js';
export { alignHeads, l2Normalize, linear, logSoftmax, takeRows } from './engine/ops/linear.js';
export { bceWithLogits, crossEntropy, mse, perHeadBce, supCon, triplet } from './engine/ops/losses.js';
export { adaptiveAvgPool2d, concat, globalAvgPool, maxPool2d } from './engine/ops/pooling.js';
export { Adam, Sgd } from './engine/optim/optimizers.js';
export * as schedules from './engine/optim/schedules.js';
export { purposes } from './engine/random.js';
export { DescriptiveConv, LocalDescriptor } from './method/descriptiveConv.js';
export { ErmNet } from './method/erm/network.js';
export { LdcNet, type LdcNetOptions, type LdcNetOutput } from './method/ldcnet/network.js';
export { ResNet18 } from './method/resnet18.js';
