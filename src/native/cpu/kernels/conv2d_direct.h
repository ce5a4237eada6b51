// Direct convolution: forward and data gradient of any shape as one walk over pixels (conv2d_direct.cc), and the weight
// gradient (conv2d_weight_grad.cc).
#pragma once

#include "../cpu_kernels.h"
#include "conv2d_axis.h"
#include "conv2d_descriptor.h"

namespace ldc::cpu::LDC_ISA::conv2d {

int64_t direct_packed_elements(int64_t out_channels, int64_t in_channels, int64_t kernel, ConvPass pass);
void direct_pack(Pool& pool, const Axis& axis, const EffectiveWeight& weight, int64_t out_channels, int64_t in_channels,
                 float* packed);
// y from x for the forward pass, dx from dy for the data gradient; bias or null.
void direct_run(Pool& pool, Scratch& scratch, const Axis& axis, const Tensor& from, const float* packed, const float* bias,
                const Tensor& to);
// Gradient of the effective weight, and of w, m and theta.
void direct_weight_grad(Pool& pool, Scratch& scratch, const Conv2d& conv, const Tensor& x, const Tensor& dy,
                        const EffectiveWeight& weight, const Tensor& dw, const Tensor& dm, const Tensor& dtheta);

}  // namespace ldc::cpu::LDC_ISA::conv2d
