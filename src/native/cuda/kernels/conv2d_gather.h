// Where the products of an implicit matrix multiplication lie. A convolution is C[M,N] = A[M,K] B[K,N] with M the output pixels,
// N the output channels and K all (tap, input channel) pairs; A is never built, its rows are gathered from the image.
//
// Forward and data gradient have the same form: tap (ty, tx) of output pixel (row, column) reads input line
// row * mul + base + ty * step. In the gradient of a convolution with stride s, input pixels of the same remainder by s meet
// the same taps, so each of the s x s remainders is a convolution of its own with fewer taps and no multiplication by zero.
#pragma once

#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

// Elements in 16 bytes.
template <class T>
constexpr int kVector = 16 / static_cast<int>(sizeof(T));

struct ConvShape {
  int batch, in_h, in_w, in_c;  // of what the pass reads; in_c and out_c with padding
  int out_h, out_w, out_c;      // of what it writes
  int kernel, stride, padding;
  bool transposed;  // the data gradient
};

// One direction of the window.
struct Axis {
  int lines;                  // output lines of this class
  int mul, base, step, taps;  // input line of (line, tap): line * mul + base + tap * step
  int first_tap, tap_stride;  // tap of the kernel: first_tap + tap * tap_stride
  int out_mul, out_base;      // line of the tensor: line * out_mul + out_base
};

LDC_DEVICE Axis axis_of(const ConvShape& s, int out_lines, int remainder) {
  if (!s.transposed) return {out_lines, s.stride, -s.padding, 1, s.kernel, 0, 1, 1, 0};
  const int first = (remainder + s.padding) % s.stride;
  const int taps = s.kernel > first ? (s.kernel - first + s.stride - 1) / s.stride : 0;
  const int lines = out_lines > remainder ? (out_lines - remainder + s.stride - 1) / s.stride : 0;
  return {lines, 1, (remainder + s.padding - first) / s.stride, -1, taps, first, s.stride, s.stride, remainder};
}

// A place among the groups of 16 bytes, of input channels of one tap, that K consists of.
struct Walk {
  int c, tx, ty;

  LDC_DEVICE Walk(int group, int groups, int taps_x) : c(group), tx(0), ty(0) { settle(groups, taps_x); }
  LDC_DEVICE void advance(int by, int groups, int taps_x) {
    c += by;
    settle(groups, taps_x);
  }

 private:
  LDC_DEVICE void settle(int groups, int taps_x) {
    while (c >= groups && taps_x > 0) {
      c -= groups;
      if (++tx == taps_x) {
        tx = 0;
        ++ty;
      }
    }
  }
};

}  // namespace ldc::cuda::LDC_TARGET
