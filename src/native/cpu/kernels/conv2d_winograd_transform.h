// The transforms of Winograd's F(4x4,3x3) and F(2x2,3x3), sixteen channels at a time (Lavin & Gray, CVPR 2016).
//
//   Y = A' [(G g G') * (B' d B)] A     d input tile (6x6 or 4x4), g 3x3 kernel, Y output tile (4x4 or 2x2), * elementwise
//
// The weight gradient is the transposed expression: dg = G' [(A dY A') * (B' d B)] G.
#pragma once

#include "../features.h"
#include "../vec.h"
#include "conv2d_tile.h"

namespace ldc::cpu::LDC_ISA::conv2d {

inline Vec fma(float a, Vec b, Vec c) { return fma(Vec::all(a), b, c); }

// F(4x4,3x3). The interpolation points are 0, +-a, +-b and infinity with a = sqrt(1/2), b = sqrt(2). Against the usual 0, +-1,
// +-2 they cost the same (a^2 b^2 = 1, a^2 + b^2 = 5/2) and halve the rounding error.
struct F4 {
  static constexpr int64_t output = 4, input = 6, points = 36;
  static constexpr float kPointA = 0.70710678118654752f, kPointB = 1.41421356237309505f;

  // A row of B' holds the coefficients of the product of (x - p) over the finite points p but one; the last over all.
  struct InputTransform {
    static constexpr int from = 6, to = 6;
    static void apply(const Vec (&d)[6], Vec (&v)[6]) {
      const Vec even_a = fma(-2.0f, d[2], d[4]), odd_a = fma(-2.0f, d[1], d[3]);
      const Vec even_b = fma(-0.5f, d[2], d[4]), odd_b = fma(-0.5f, d[1], d[3]);
      v[0] = fma(-2.5f, d[2], d[0] + d[4]);
      v[1] = fma(kPointA, odd_a, even_a);
      v[2] = fma(-kPointA, odd_a, even_a);
      v[3] = fma(kPointB, odd_b, even_b);
      v[4] = fma(-kPointB, odd_b, even_b);
      v[5] = fma(-2.5f, d[3], d[1] + d[5]);
    }
  };

  // A row of G evaluates the kernel at a point, over the product of the point's distances to the others: 1, -3/2 and 6.
  struct FilterTransform {
    static constexpr int from = 3, to = 6;
    static void apply(const Vec (&g)[3], Vec (&u)[6]) {
      const Vec over_a = Vec::all(-2.0f / 3), over_b = Vec::all(1.0f / 6);
      const Vec even_a = fma(0.5f, g[2], g[0]), even_b = fma(2.0f, g[2], g[0]);
      u[0] = g[0];
      u[1] = over_a * fma(kPointA, g[1], even_a);
      u[2] = over_a * fma(-kPointA, g[1], even_a);
      u[3] = over_b * fma(kPointB, g[1], even_b);
      u[4] = over_b * fma(-kPointB, g[1], even_b);
      u[5] = g[2];
    }
  };

  // A column of A' holds the powers of a point.
  struct OutputTransform {
    static constexpr int from = 6, to = 4;
    static void apply(const Vec (&m)[6], Vec (&y)[4]) {
      const Vec even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
      y[0] = (m[0] + even_a) + even_b;
      y[1] = fma(kPointB, odd_b, Vec::all(kPointA) * odd_a);
      y[2] = fma(2.0f, even_b, Vec::all(0.5f) * even_a);
      y[3] = fma(2 * kPointB, odd_b, fma(0.5f * kPointA, odd_a, m[5]));
    }
  };

  struct OutputTransposed {
    static constexpr int from = 4, to = 6;
    static void apply(const Vec (&y)[4], Vec (&d)[6]) {
      const Vec even_a = fma(0.5f, y[2], y[0]), odd_a = fma(0.5f, y[3], y[1]);
      const Vec even_b = fma(2.0f, y[2], y[0]), odd_b = fma(2.0f, y[3], y[1]);
      d[0] = y[0];
      d[1] = fma(kPointA, odd_a, even_a);
      d[2] = fma(-kPointA, odd_a, even_a);
      d[3] = fma(kPointB, odd_b, even_b);
      d[4] = fma(-kPointB, odd_b, even_b);
      d[5] = y[3];
    }
  };

  struct FilterTransposed {
    static constexpr int from = 6, to = 3;
    static void apply(const Vec (&u)[6], Vec (&g)[3]) {
      const Vec over_a = Vec::all(-2.0f / 3), over_b = Vec::all(1.0f / 6);
      const Vec even_a = over_a * (u[1] + u[2]), odd_a = over_a * (u[1] - u[2]);
      const Vec even_b = over_b * (u[3] + u[4]), odd_b = over_b * (u[3] - u[4]);
      g[0] = (u[0] + even_a) + even_b;
      g[1] = fma(kPointB, odd_b, Vec::all(kPointA) * odd_a);
      g[2] = fma(2.0f, even_b, fma(0.5f, even_a, u[5]));
    }
  };
};

// F(2x2,3x3), at the points 0, +-1 and infinity: fewer products saved, and rounding errors no larger than those of direct sums.
struct F2 {
  static constexpr int64_t output = 2, input = 4, points = 16;

  struct InputTransform {
    static constexpr int from = 4, to = 4;
    static void apply(const Vec (&d)[4], Vec (&v)[4]) {
      v[0] = d[0] - d[2];
      v[1] = d[2] + d[1];
      v[2] = d[2] - d[1];
      v[3] = d[3] - d[1];
    }
  };

  struct FilterTransform {
    static constexpr int from = 3, to = 4;
    static void apply(const Vec (&g)[3], Vec (&u)[4]) {
      const Vec half = Vec::all(0.5f), even = half * (g[0] + g[2]);
      u[0] = g[0];
      u[1] = fma(half, g[1], even);
      u[2] = fma(-0.5f, g[1], even);
      u[3] = g[2];
    }
  };

  struct OutputTransform {
    static constexpr int from = 4, to = 2;
    static void apply(const Vec (&m)[4], Vec (&y)[2]) {
      y[0] = m[0] + (m[1] + m[2]);
      y[1] = (m[1] - m[2]) + m[3];
    }
  };

  struct OutputTransposed {
    static constexpr int from = 2, to = 4;
    static void apply(const Vec (&y)[2], Vec (&d)[4]) {
      d[0] = y[0];
      d[1] = y[0] + y[1];
      d[2] = y[0] - y[1];
      d[3] = y[1];
    }
  };

  struct FilterTransposed {
    static constexpr int from = 4, to = 3;
    static void apply(const Vec (&u)[4], Vec (&g)[3]) {
      const Vec half = Vec::all(0.5f), even = half * (u[1] + u[2]);
      g[0] = u[0] + even;
      g[1] = half * (u[1] - u[2]);
      g[2] = even + u[3];
    }
  };
};

// Applies T to the columns, then to the rows, of a square of 16-lane values of either type; strides in elements. past: stores past the
// cache.
template <class T, bool past = false, class From, class To>
inline void transform_square(const From* from, int64_t from_row, int64_t from_col, To* to, int64_t to_row, int64_t to_col) {
  float half[T::to][T::from][kBlock];
  for (int col = 0; col < T::from; ++col) {
    Vec in[T::from], out[T::to];
    for (int row = 0; row < T::from; ++row) in[row] = load(from + row * from_row + col * from_col);
    T::apply(in, out);
    for (int row = 0; row < T::to; ++row) out[row].store(half[row][col]);
  }
  for (int row = 0; row < T::to; ++row) {
    Vec in[T::from], out[T::to];
    for (int col = 0; col < T::from; ++col) in[col] = Vec::load(half[row][col]);
    T::apply(in, out);
    for (int col = 0; col < T::to; ++col) {
      To* at = to + row * to_row + col * to_col;
      if constexpr (past) {
        stream(out[col], at);
      } else {
        store(out[col], at);
      }
    }
  }
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
