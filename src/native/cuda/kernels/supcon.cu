// Supervised contrastive loss (Khosla et al., 2020; methods.md, section 3.2) with its gradient, from one matrix of similarities s = x_a.x_j /
// temperature in double. dL/ds_aj = (softmax over j != a - [j positive] / positives) ratio / N overwrites it row by row, and
// dx_a = sum over j of (dL/ds_aj + dL/ds_ja) x_j / temperature.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

constexpr int kWarps = kThreads / kWarp;

// One warp a pair.
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) similarity_kernel(Global<const float> x, double temperature, Global<double> similarity, int64_t n,
                                                          int64_t depth) {
  const int64_t pair = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (pair >= n * n) return;  // whole warps leave
  const double product = warp_dot(x + pair / n * depth, x + pair % n * depth, depth);
  if (threadIdx.x % kWarp == 0) similarity[pair] = product / temperature;
}

// The loss of anchor a; s: its similarities, which become its slopes times N / ratio. By one thread: a row is short.
LDC_DEVICE double anchor_loss(Global<double> s, Global<const int32_t> labels, int64_t a, int64_t n) {
  double largest = -INFINITY, sum = 0, of_positives = 0, positives = 0;
  for (int64_t j = 0; j < n; ++j) {
    if (j != a && !(s[j] <= largest)) largest = s[j];
  }
  for (int64_t j = 0; j < n; ++j) {
    if (j == a) continue;
    sum += exp(s[j] - largest);
    if (labels[j] != labels[a]) continue;
    of_positives += s[j];
    positives += 1;
  }
  const double loss = largest + log(sum) - of_positives / positives;
  for (int64_t j = 0; j < n; ++j) {
    s[j] = j == a ? 0 : exp(s[j] - largest) / sum - (labels[j] == labels[a] ? 1 / positives : 0);
  }
  return loss;
}

}  // namespace

void CudaKernels::supcon(const Tensor& x, const Tensor& labels, double temperature, double base_temperature, const Tensor& loss,
                         const Tensor& dx) {
  const int64_t depth = x.shape[x.rank - 1], n = x.elements() / depth;
  const Scratch<double> similarity(memory_, n * n);
  const Global<double> slope = global(similarity.data());
  const Global<const float> in = input(x);
  const Global<const int32_t> label_of = global<const int32_t>(labels.i32());
  const Global<float> out = output(loss), gradient = output(dx);
  const double factor = temperature / base_temperature / static_cast<double>(n);
  launch(stream_, similarity_kernel, {ceil_div(n * n, kWarps)}, kThreads, 0, in, temperature, slope, n, depth);
  total(
      stream_, memory_, n, [=] LDC_LAMBDA(int64_t a) -> double { return anchor_loss(slope + a * n, label_of, a, n); },
      [=] LDC_LAMBDA(double sum) { out[0] = static_cast<float>(factor * sum); });
  if (!dx) return;
  each(stream_, n * depth, [=] LDC_LAMBDA(int64_t at) {
    const int64_t a = at / depth, i = at % depth;
    double sum = 0;
    for (int64_t j = 0; j < n; ++j) sum += (slope[a * n + j] + slope[j * n + a]) * in[j * depth + i];
    gradient[at] = static_cast<float>(sum * (factor / temperature));
  });
}

}  // namespace ldc::cuda::LDC_TARGET
