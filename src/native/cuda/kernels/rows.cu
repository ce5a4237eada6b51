// Rows of dense matrices: unit length, selection, and the alignment of the rows that are classifiers' heads. One warp a row; all sums are
// in double.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

constexpr int kWarps = kThreads / kWarp;

LDC_KERNEL void LDC_BOUNDS(kThreads, 1) l2_normalize_kernel(Global<const float> x, double eps, Global<float> y, int64_t rows, int64_t depth) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (row >= rows) return;
  const Global<const float> in = x + row * depth;
  const double norm = sqrt(warp_dot(in, in, depth)), length = norm < eps ? eps : norm;
  for (int64_t i = threadIdx.x % kWarp; i < depth; i += kWarp) y[row * depth + i] = static_cast<float>(in[i] / length);
}

// dx = (dy - x (x.dy) / |x|^2) / |x|
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) l2_normalize_gradient_kernel(Global<const float> x, Global<const float> dy, double eps, Global<float> dx,
                                                                     int64_t rows, int64_t depth) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (row >= rows) return;
  const Global<const float> in = x + row * depth, upstream = dy + row * depth;
  const double square = warp_dot(in, in, depth), product = warp_dot(in, upstream, depth), norm = sqrt(square);
  const double length = norm < eps ? eps : norm, along = norm < eps ? 0 : product / square;
  for (int64_t i = threadIdx.x % kWarp; i < depth; i += kWarp) {
    dx[row * depth + i] = static_cast<float>((upstream[i] - in[i] * along) / length);
  }
}

constexpr int kMostHeads = 16;

struct Heads {
  int count;
  int64_t depth;
  double alpha, eps;
  Global<float> of[kMostHeads];
};

// New head k = own w[k] + other w[far].
struct Mix {
  double own, other;
  int far;
};

// One block.
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) align_kernel(Heads w, Global<float> cosine) {
  LDC_SHARED(double, gram, kMostHeads * kMostHeads);
  const int lane = threadIdx.x % kWarp;
  for (int pair = threadIdx.x / kWarp; pair < w.count * w.count; pair += kWarps) {
    const double product = warp_dot(w.of[pair / w.count], w.of[pair % w.count], w.depth);
    if (lane == 0) gram[pair] = product;
  }
  sync_block();
  // Every thread works out the few mixtures for itself.
  const auto length = [&](int k) { return sqrt(gram[k * w.count + k]); };
  const auto cosine_of = [&](int k, int j) { return gram[k * w.count + j] / ((length(k) + w.eps) * (length(j) + w.eps)); };
  Mix mixes[kMostHeads];
  double sum = 0;
  for (int k = 0; k < w.count; ++k) {
    for (int j = 0; j < k; ++j) sum += cosine_of(k, j);
    int j = k == 0 ? 1 : 0;
    for (int i = j + 1; i < w.count; ++i) {
      if (i != k && cosine_of(k, i) < cosine_of(k, j)) j = i;
    }
    const double rest = 1 - w.alpha;
    const double mixed = w.alpha * w.alpha * cosine_of(k, k) + 2 * w.alpha * rest * cosine_of(k, j) + rest * rest * cosine_of(j, j);
    const double factor = length(k) / (sqrt(mixed > 0 ? mixed : 0.0) + w.eps);
    mixes[k] = {length(k) == 0 ? 0 : factor * w.alpha / (length(k) + w.eps), length(j) == 0 ? 0 : factor * rest / (length(j) + w.eps), j};
  }
  if (threadIdx.x == 0) cosine[0] = static_cast<float>(sum / (static_cast<double>(w.count * (w.count - 1)) / 2));
  for (int64_t i = threadIdx.x; i < w.depth; i += kThreads) {
    float old[kMostHeads];
    for (int k = 0; k < w.count; ++k) old[k] = w.of[k][i];
    for (int k = 0; k < w.count; ++k) w.of[k][i] = static_cast<float>(mixes[k].own * old[k] + mixes[k].other * old[mixes[k].far]);
  }
}

}  // namespace

void CudaKernels::l2_normalize_forward(const Tensor& x, double eps, const Tensor& y) {
  launch(stream_, l2_normalize_kernel, {ceil_div(x.shape[0], kWarps)}, kThreads, 0, input(x), eps, output(y), x.shape[0], x.shape[1]);
}

void CudaKernels::l2_normalize_backward(const Tensor& x, const Tensor& dy, double eps, const Tensor& dx) {
  launch(stream_, l2_normalize_gradient_kernel, {ceil_div(x.shape[0], kWarps)}, kThreads, 0, input(x), input(dy), eps, output(dx), x.shape[0],
         x.shape[1]);
}

void CudaKernels::take_rows(const Tensor& x, const Tensor& rows, const Tensor& y) {
  const int64_t depth = y.elements() / y.shape[0], count = x.shape[0];
  const Global<const float> in = input(x);
  const Global<const int32_t> row_of = global<const int32_t>(rows.i32());
  const Global<float> out = output(y);
  each(stream_, y.elements(), [=] LDC_LAMBDA(int64_t at) {
    const int64_t row = row_of[at / depth];
    out[at] = row >= 0 && row < count ? in[row * depth + at % depth] : 0.0f;
  });
}

void CudaKernels::align_heads(const TensorList& w, double alpha, double eps, const Tensor& cosine) {
  Heads heads = {};
  heads.count = static_cast<int>(w.count);
  heads.depth = w[0].elements();
  heads.alpha = alpha;
  heads.eps = eps;
  for (int k = 0; k < heads.count; ++k) heads.of[k] = output(w[k]);
  launch(stream_, align_kernel, Grid{}, kThreads, 0, heads, output(cosine));
}

}  // namespace ldc::cuda::LDC_TARGET
