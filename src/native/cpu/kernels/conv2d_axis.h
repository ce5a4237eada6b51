// Which source pixels and which taps of the kernel make a pixel of the destination, for forward passes and data gradients of every
// stride: what all direct convolutions walk over.
#pragma once

#include "../../kernels.h"
#include "loops.h"

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

// The taps of one phase of rows and one of columns.
struct Part {
  Axis::Phase y, x;
  int64_t taps, taps_before;
  Part(const Axis& axis, int64_t py, int64_t px) : y(axis.phase(py)), x(axis.phase(px)) {
    taps = y.taps * x.taps;
    taps_before = y.taps_before * axis.kernel + y.taps * x.taps_before;
  }
};

inline Axis::Axis(const Conv2d& conv, int64_t kernel_size, ConvPass which)
    : pass(which), kernel(kernel_size), stride(conv.stride), padding(conv.padding) {
  if (pass == ConvPass::forward) {
    sample = kernel == 1 ? stride : 1;
    in_step = stride / sample;
    out_step = 1;
    low = -padding;
    reach = kernel;
    return;
  }
  sample = in_step = 1;
  out_step = stride;
  low = 0;
  int64_t nearest = INT64_MAX, farthest = INT64_MIN;
  for (int64_t p = 0; p < out_step; ++p) {
    const Phase ph = phase(p);
    if (ph.taps == 0) continue;
    const int64_t last = ph.first + ph.taps - 1;
    nearest = least(nearest, ph.first);
    farthest = most(farthest, last);
  }
  low = nearest;
  reach = farthest - nearest + 1;
}

// Data gradient: dx[i] = sum over kernel positions k = r + j s of dy[(i + padding - k) / s] w[k], where i = t s + p and
// r = (p + padding) mod s.
inline Axis::Phase Axis::phase(int64_t p) const {
  if (pass == ConvPass::forward) return {kernel, 0, 0, 1, 0};
  auto taps_of = [this](int64_t q) {
    const int64_t r = (q + padding) % stride;
    return r < kernel ? ceil_div(kernel - r, stride) : 0;
  };
  int64_t before = 0;
  for (int64_t q = 0; q < p; ++q) before += taps_of(q);
  const int64_t taps = taps_of(p), r = (p + padding) % stride;
  return {taps, taps == 0 ? 0 : (p + padding) / stride - (taps - 1) - low, r + (taps - 1) * stride, -stride, before};
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
