// Direct convolution: forward and data gradient of any shape as one walk over pixels (conv2d_direct.cc), and the weight
// gradient (conv2d_weight_grad.cc).
#pragma once

#include "../cpu_kernels.h"
#include "conv2d_descriptor.h"

namespace ldc::cpu::LDC_ISA::conv2d {

// One axis of a pass, which correlates a source image with the kernel. The destination is a grid with `out_step` phases:
// phase p holds the pixels t * out_step + p, and each of them reads `taps` neighbouring source pixels. Forward has one
// phase; the data gradient of stride s has s of them, each a correlation of stride 1 with every s-th tap, in reverse.
struct Axis {
  struct Phase {
    int64_t taps;
    int64_t first;                      // halo position of the first tap of t = 0
    int64_t kernel_first, kernel_step;  // which taps of the kernel they are
    int64_t taps_before;                // taps of the phases before this one
  };
  ConvPass pass;
  int64_t kernel, stride, padding;
  int64_t in_step;   // halo pixels from one grid point to the next
  int64_t out_step;  // number of phases
  int64_t sample;    // the halo keeps every sample-th source pixel
  int64_t low;       // source position of the halo's first pixel for t = 0
  int64_t reach;     // halo pixels that one grid point reads

  Axis(const Conv2d& conv, int64_t kernel_size, ConvPass which);
  Phase phase(int64_t p) const;
};

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
