// Rows of dense matrices: unit length, selection, and the alignment of the rows that are classifiers' heads. All sums are in double.
#include <cmath>
#include <cstring>

#include "../cpu_kernels.h"
#include "loops.h"
#include "sums.h"

namespace ldc::cpu::LDC_ISA {

void CpuKernels::l2_normalize_forward(const Tensor& x, double eps, const Tensor& y) {
  const int64_t depth = x.shape[1];
  each_item(pool_, x.shape[0], depth, [&](int64_t n) {
    const float* in = x.f32() + n * depth;
    float* out = y.f32() + n * depth;
    const double norm = std::sqrt(dot(in, in, depth)), length = norm < eps ? eps : norm;
    for (int64_t i = 0; i < depth; ++i) out[i] = static_cast<float>(in[i] / length);
  });
}

// dx = (dy - x (x.dy) / |x|^2) / |x|
void CpuKernels::l2_normalize_backward(const Tensor& x, const Tensor& dy, double eps, const Tensor& dx) {
  const int64_t depth = x.shape[1];
  each_item(pool_, x.shape[0], depth, [&](int64_t n) {
    const float *in = x.f32() + n * depth, *upstream = dy.f32() + n * depth;
    float* out = dx.f32() + n * depth;
    const double square = dot(in, in, depth), norm = std::sqrt(square), length = norm < eps ? eps : norm;
    const double along = norm < eps ? 0 : dot(in, upstream, depth) / square;
    for (int64_t i = 0; i < depth; ++i) out[i] = static_cast<float>((upstream[i] - in[i] * along) / length);
  });
}

void CpuKernels::take_rows(const Tensor& x, const Tensor& rows, const Tensor& y) {
  const int64_t depth = y.elements() / y.shape[0], count = x.shape[0];
  each_item(pool_, y.shape[0], depth, [&](int64_t n) {
    const int64_t row = rows.i32()[n];
    const size_t bytes = static_cast<size_t>(depth) * sizeof(float);
    if (row >= 0 && row < count) {
      std::memcpy(y.f32() + n * depth, x.f32() + row * depth, bytes);
    } else {
      std::memset(y.f32() + n * depth, 0, bytes);
    }
  });
}

// A few short rows: not worth a start of the pool.
void CpuKernels::align_heads(const TensorList& w, double alpha, double eps, const Tensor& cosine) {
  constexpr int64_t kMostHeads = 16;
  const int64_t heads = w.count, depth = w[0].elements();
  double length[kMostHeads], gram[kMostHeads][kMostHeads];
  for (int64_t k = 0; k < heads; ++k) length[k] = std::sqrt(dot(w[k].f32(), w[k].f32(), depth));
  double sum = 0;
  for (int64_t k = 0; k < heads; ++k) {
    for (int64_t j = 0; j < heads; ++j) gram[k][j] = dot(w[k].f32(), w[j].f32(), depth) / ((length[k] + eps) * (length[j] + eps));
    for (int64_t j = 0; j < k; ++j) sum += gram[k][j];
  }
  cosine.f32()[0] = static_cast<float>(sum / (static_cast<double>(heads * (heads - 1)) / 2));
  // New head k = own[k] w[k] + other[k] w[far[k]].
  int64_t far[kMostHeads];
  double own[kMostHeads], other[kMostHeads];
  for (int64_t k = 0; k < heads; ++k) {
    int64_t j = k == 0 ? 1 : 0;
    for (int64_t i = j + 1; i < heads; ++i) {
      if (i != k && gram[k][i] < gram[k][j]) j = i;
    }
    const double mixed = alpha * alpha * gram[k][k] + 2 * alpha * (1 - alpha) * gram[k][j] + (1 - alpha) * (1 - alpha) * gram[j][j];
    const double factor = length[k] / (std::sqrt(mixed > 0 ? mixed : 0) + eps);
    far[k] = j;
    own[k] = length[k] == 0 ? 0 : factor * alpha / (length[k] + eps);
    other[k] = length[j] == 0 ? 0 : factor * (1 - alpha) / (length[j] + eps);
  }
  for (int64_t i = 0; i < depth; ++i) {
    float old[kMostHeads];
    for (int64_t k = 0; k < heads; ++k) old[k] = w[k].f32()[i];
    for (int64_t k = 0; k < heads; ++k) w[k].f32()[i] = static_cast<float>(own[k] * old[k] + other[k] * old[far[k]]);
  }
}

}  // namespace ldc::cpu::LDC_ISA
