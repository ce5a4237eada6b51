/** `nn` of the package: modules, operations, optimisers and the paper's networks. Shapes and sources are told where each is defined. */
export { Initializer } from './engine/nn/init.js';
export { BatchNorm, Conv2d, Linear } from './engine/nn/layers.js';
export { loadState, Module, type StateSource } from './engine/nn/module.js';
export { conv2d } from './engine/ops/conv2d.js';
export { add, relu, scale } from './engine/ops/elementwise.js';
export { imagesToFeatures } from './engine/ops/images.js';
export { linear, logSoftmax } from './engine/ops/linear.js';
export { crossEntropy, mse, triplet } from './engine/ops/losses.js';
export { adaptiveAvgPool2d, concat, globalAvgPool, maxPool2d } from './engine/ops/pooling.js';
export { Adam, Sgd } from './engine/optim/optimizers.js';
export { DescriptiveConv, LocalDescriptor } from './method/descriptiveConv.js';
export { LdcNet, type LdcNetOptions, type LdcNetOutput } from './method/ldcnet/network.js';
