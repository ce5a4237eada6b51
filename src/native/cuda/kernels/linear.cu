// Dense layers. The matrices of this network are small (512 x 512 at most) and lie in the L2 cache, so one warp an output
// (forward) or one thread an output (gradients) is enough; every output is one chain of additions in a fixed order.
// The feature norm and the unit-length classifier of the method stand here because they work on the same matrices.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// Below this length the direction of a feature is noise, and its norm is taken as a constant.
constexpr double kLeastNorm = 1e-12;

constexpr int kWarps = kThreads / kWarp;

LDC_KERNEL void LDC_BOUNDS(kThreads, 1) linear_kernel(Global<const float> x, Global<const float> w, Global<const float> bias,
                                                      Global<float> y, int64_t rows, int64_t depth, int64_t outputs) {
  const int64_t item = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (item >= rows * outputs) return;  // whole warps leave
  const int64_t row = item / outputs, o = item % outputs;
  float sum = 0;
  for (int64_t i = threadIdx.x % kWarp; i < depth; i += kWarp) sum = fmaf(x[row * depth + i], w[o * depth + i], sum);
  sum = warp_sum(sum);
  if (threadIdx.x % kWarp == 0) y[item] = sum + (bias == nullptr ? 0.0f : bias[o]);
}

// (2 max(|x|, least))^(-1/2)
LDC_DEVICE double norm_factor(double norm) { return 1 / sqrt(2 * (norm > kLeastNorm ? norm : kLeastNorm)); }

LDC_KERNEL void LDC_BOUNDS(kThreads, 1) feature_norm_kernel(Global<const float> x, Global<float> y, int64_t rows, int64_t depth) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (row >= rows) return;
  const Global<const float> in = x + row * depth;
  const double factor = norm_factor(sqrt(warp_dot(in, in, depth)));
  for (int64_t i = threadIdx.x % kWarp; i < depth; i += kWarp) y[row * depth + i] = static_cast<float>(in[i] * factor);
}

// With s = (2 |x|)^(-1/2): ds/dx = -s x / (2 |x|^2), so dx = s (dy - x (x.dy) / (2 |x|^2)).
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) feature_norm_gradient_kernel(Global<const float> x, Global<const float> dy, Global<float> dx,
                                                                     int64_t rows, int64_t depth) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (row >= rows) return;
  const Global<const float> in = x + row * depth, upstream = dy + row * depth;
  const double square = warp_dot(in, in, depth), product = warp_dot(in, upstream, depth), norm = sqrt(square);
  const double factor = norm_factor(norm), along = norm >= kLeastNorm ? product / (2 * square) : 0;
  for (int64_t i = threadIdx.x % kWarp; i < depth; i += kWarp) {
    dx[row * depth + i] = static_cast<float>(factor * (upstream[i] - in[i] * along));
  }
}

}  // namespace

void CudaKernels::linear_forward(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& y) {
  const int64_t rows = x.shape[0], depth = x.shape[1], outputs = w.shape[0];
  launch(stream_, linear_kernel, {ceil_div(rows * outputs, kWarps)}, kThreads, 0, input(x), input(w), input(b), output(y), rows, depth,
         outputs);
}

void CudaKernels::linear_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx) {
  const int64_t outputs = w.shape[0], depth = w.shape[1];
  const Global<const float> upstream = input(dy), weight = input(w);
  const Global<float> out = output(dx);
  each(stream_, dx.elements(), [=] LDC_LAMBDA(int64_t at) {
    const int64_t row = at / depth, i = at % depth;
    float sum = 0;
    for (int64_t o = 0; o < outputs; ++o) sum = fmaf(upstream[row * outputs + o], weight[o * depth + i], sum);
    out[at] = sum;
  });
}

void CudaKernels::linear_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor& db) {
  const int64_t rows = x.shape[0], depth = x.shape[1], outputs = dw.shape[0];
  const Global<const float> in = input(x), upstream = input(dy);
  const Global<float> weight = output(dw), bias = output(db);
  each(stream_, dw.elements(), [=] LDC_LAMBDA(int64_t at) {
    const int64_t o = at / depth, i = at % depth;
    float sum = 0;
    for (int64_t n = 0; n < rows; ++n) sum = fmaf(upstream[n * outputs + o], in[n * depth + i], sum);
    weight[at] = sum;
  });
  if (!db) return;
  each(stream_, outputs, [=] LDC_LAMBDA(int64_t o) {
    double sum = 0;
    for (int64_t n = 0; n < rows; ++n) sum += upstream[n * outputs + o];
    bias[o] = static_cast<float>(sum);
  });
}

void CudaKernels::feature_norm_forward(const Tensor& x, const Tensor& y) {
  launch(stream_, feature_norm_kernel, {ceil_div(x.shape[0], kWarps)}, kThreads, 0, input(x), output(y), x.shape[0], x.shape[1]);
}

void CudaKernels::feature_norm_backward(const Tensor& x, const Tensor& dy, const Tensor& dx) {
  launch(stream_, feature_norm_gradient_kernel, {ceil_div(x.shape[0], kWarps)}, kThreads, 0, input(x), input(dy), output(dx), x.shape[0],
         x.shape[1]);
}

void CudaKernels::unit_columns(const Tensor& w) {
  const int64_t rows = w.shape[0], columns = w.shape[1];
  const Global<float> weight = output(w);
  each(stream_, columns, [=] LDC_LAMBDA(int64_t i) {
    double square = 0;
    for (int64_t o = 0; o < rows; ++o) square += static_cast<double>(weight[o * columns + i]) * weight[o * columns + i];
    if (square == 0) return;  // a column of zeros has no direction and stays
    const double norm = sqrt(square);
    for (int64_t o = 0; o < rows; ++o) weight[o * columns + i] = static_cast<float>(weight[o * columns + i] / norm);
  });
}

}  // namespace ldc::cuda::LDC_TARGET
