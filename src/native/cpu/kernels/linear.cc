// Dense layers. Weights are kept as PyTorch has them, [O,I], so the forward pass is dot products along rows and both
// gradients are sums of outer products. Every output is one chain of additions in a fixed order; tiles only reuse loads.
// The feature norm and the unit-length classifier of the method stand here because they work on the same matrices.
#include <cmath>

#include "../cpu_kernels.h"
#include "loops.h"
#include "sums.h"

namespace ldc::cpu::LDC_ISA {

namespace {

// Rows and columns of one register tile. Behind the last row a tile takes that row again and writes the same values twice.
constexpr int kTile = 2;

// y [rows, columns] = a b, where a(r,k) = a[r * a_row + k * a_step], k < depth, and b is [depth, columns].
void sum_of_outer(Pool& pool, int64_t rows, int64_t columns, int64_t depth, const float* a, int64_t a_row, int64_t a_step,
                  const float* b, float* y) {
  constexpr int64_t kWidth = kTile * kBlock;
  each_item(pool, ceil_div(columns, kWidth), depth * kWidth + rows * depth, [=](int64_t item) {
    const int64_t column = item * kWidth, valid = least(kWidth, columns - column);
    const PartLanes first{least(kBlock, valid)}, second{least(kBlock, most(1, valid - kBlock))};
    const int64_t next = valid > kBlock ? kBlock : 0;
    for (int64_t row = 0; row < rows; row += kTile) {
      const int64_t below = least(row + 1, rows - 1);
      Vec s00 = Vec::zero(), s01 = s00, s10 = s00, s11 = s00;
      for (int64_t k = 0; k < depth; ++k) {
        const float* line = b + k * columns + column;
        const Vec u = Vec::all(a[row * a_row + k * a_step]), v = Vec::all(a[below * a_row + k * a_step]);
        const Vec left = first.load(line), right = second.load(line + next);
        s00 = fma(u, left, s00);
        s01 = fma(u, right, s01);
        s10 = fma(v, left, s10);
        s11 = fma(v, right, s11);
      }
      if (next > 0) {
        second.store(s01, y + row * columns + column + next);
        second.store(s11, y + below * columns + column + next);
      }
      first.store(s00, y + row * columns + column);
      first.store(s10, y + below * columns + column);
    }
  });
}

// Below this length the direction of a feature is noise, and its norm is taken as a constant.
constexpr double kLeastNorm = 1e-12;

}  // namespace

void CpuKernels::linear_forward(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& y) {
  const int64_t rows = x.shape[0], depth = x.shape[1], outputs = w.shape[0];
  const float *in = x.f32(), *weight = w.f32(), *bias = b.f32();
  float* out = y.f32();
  each_item(pool_, ceil_div(outputs, kTile), rows * depth, [=](int64_t item) {
    const int64_t o0 = item * kTile, o1 = least(o0 + 1, outputs - 1);
    const float *w0 = weight + o0 * depth, *w1 = weight + o1 * depth;
    for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
      const int64_t r1 = least(r0 + 1, rows - 1);
      const float *x0 = in + r0 * depth, *x1 = in + r1 * depth;
      Vec s00 = Vec::zero(), s01 = s00, s10 = s00, s11 = s00;
      vectors(WholeLanes{}, 0, depth, [&](auto lanes, int64_t i) {
        const Vec a = lanes.load(x0 + i), c = lanes.load(x1 + i), u = lanes.load(w0 + i), v = lanes.load(w1 + i);
        s00 = fma(a, u, s00);
        s01 = fma(a, v, s01);
        s10 = fma(c, u, s10);
        s11 = fma(c, v, s11);
      });
      const float offset0 = bias != nullptr ? bias[o0] : 0.0f, offset1 = bias != nullptr ? bias[o1] : 0.0f;
      out[r0 * outputs + o0] = lane_sum(s00) + offset0;
      out[r0 * outputs + o1] = lane_sum(s01) + offset1;
      out[r1 * outputs + o0] = lane_sum(s10) + offset0;
      out[r1 * outputs + o1] = lane_sum(s11) + offset1;
    }
  });
}

void CpuKernels::linear_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx) {
  const int64_t outputs = w.shape[0];
  sum_of_outer(pool_, dx.shape[0], dx.shape[1], outputs, dy.f32(), outputs, 1, w.f32(), dx.f32());
}

void CpuKernels::linear_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor& db) {
  const int64_t rows = x.shape[0], outputs = dw.shape[0];
  sum_of_outer(pool_, outputs, dw.shape[1], rows, dy.f32(), 1, outputs, x.f32(), dw.f32());
  if (!db) return;
  for (int64_t o = 0; o < outputs; ++o) {
    double sum = 0;
    for (int64_t n = 0; n < rows; ++n) sum += dy.f32()[n * outputs + o];
    db.f32()[o] = static_cast<float>(sum);
  }
}

void CpuKernels::feature_norm_forward(const Tensor& x, const Tensor& y) {
  const int64_t depth = x.shape[1];
  each_item(pool_, x.shape[0], depth, [&](int64_t n) {
    const float* in = x.f32() + n * depth;
    float* out = y.f32() + n * depth;
    const double norm = std::sqrt(dot(in, in, depth)), factor = 1 / std::sqrt(2 * (norm > kLeastNorm ? norm : kLeastNorm));
    for (int64_t i = 0; i < depth; ++i) out[i] = static_cast<float>(in[i] * factor);
  });
}

// With s = (2 |x|)^(-1/2): ds/dx = -s x / (2 |x|^2), so dx = s (dy - x (x.dy) / (2 |x|^2)).
void CpuKernels::feature_norm_backward(const Tensor& x, const Tensor& dy, const Tensor& dx) {
  const int64_t depth = x.shape[1];
  each_item(pool_, x.shape[0], depth, [&](int64_t n) {
    const float *in = x.f32() + n * depth, *upstream = dy.f32() + n * depth;
    float* out = dx.f32() + n * depth;
    const double square = dot(in, in, depth), norm = std::sqrt(square);
    const double factor = 1 / std::sqrt(2 * (norm > kLeastNorm ? norm : kLeastNorm));
    const double along = norm >= kLeastNorm ? dot(in, upstream, depth) / (2 * square) : 0;
    for (int64_t i = 0; i < depth; ++i) out[i] = static_cast<float>(factor * (upstream[i] - in[i] * along));
  });
}

void CpuKernels::unit_columns(const Tensor& w) {
  const int64_t rows = w.shape[0], columns = w.shape[1];
  float* weight = w.f32();
  for (int64_t i = 0; i < columns; ++i) {
    double square = 0;
    for (int64_t o = 0; o < rows; ++o) square += static_cast<double>(weight[o * columns + i]) * weight[o * columns + i];
    if (square == 0) continue;  // a column of zeros has no direction and stays
    const double norm = std::sqrt(square);
    for (int64_t o = 0; o < rows; ++o) weight[o * columns + i] = static_cast<float>(weight[o * columns + i] / norm);
  }
}

}  // namespace ldc::cpu::LDC_ISA
