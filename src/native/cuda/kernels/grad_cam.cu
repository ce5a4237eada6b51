// Grad-CAM (Selvaraju et al., ICCV 2017): activations weighted by the spatial mean of their gradient, and the range
// normalisation that turns such a map into quasi ground truth (method.md, section 3).
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// y = (x - min) / (1e-7 + max - min), one block an image; padding channels are zero and stay out of the range.
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) unit_range_kernel(Global<const float> x, Global<float> y, int64_t pixels, int64_t channels,
                                                          int64_t stored) {
  LDC_SHARED(float, lows, kThreads);
  LDC_SHARED(float, highs, kThreads);
  const int64_t begin = blockIdx.x * pixels * stored, count = pixels * stored;
  float low = x[begin], high = low;
  for (int64_t i = threadIdx.x; i < count; i += kThreads) {
    if (i % stored >= channels) continue;
    const float v = x[begin + i];
    low = v < low ? v : low;
    high = v > high ? v : high;
  }
  lows[threadIdx.x] = low;
  highs[threadIdx.x] = high;
  sync_block();
  for (int i = 0; i < kThreads; ++i) {
    const float l = lows[i], h = highs[i];
    low = l < low ? l : low;
    high = h > high ? h : high;
  }
  const float range = 1e-7f + (high - low);
  for (int64_t i = threadIdx.x; i < count; i += kThreads) {
    y[begin + i] = i % stored < channels ? (x[begin + i] - low) / range : 0.0f;
  }
}

}  // namespace

void CudaKernels::grad_cam(const Tensor& activation, const Tensor& gradient, const Tensor& raw) {
  const int64_t stored = stored_channels(activation), pixels = activation.h() * activation.w(), images = activation.n();
  const Scratch<float> weights(memory_, images * stored);
  const Global<float> weight = global(weights.data()), out = output(raw);
  const Features act = features(activation), grad = features(gradient);
  column_sums(
      stream_, memory_, gradient.dtype, Columns(images, pixels, stored),
      [=] LDC_LAMBDA(auto lanes, int64_t row, int n, int64_t c) -> Sums {
        double sum = 0;
        for (int k = 0; k < n; ++k) sum += lanes.load(grad, (row + k) * stored + c);
        return {sum, 0};
      },
      [=] LDC_LAMBDA(int64_t image, int64_t c, Sums sums) {
        weight[image * stored + c] = static_cast<float>(sums.first / static_cast<double>(pixels));
      });
  each(stream_, activation.dtype, images * pixels, [=] LDC_LAMBDA(auto lanes, int64_t p) {
    float sum = 0;
    for (int64_t c = 0; c < stored; ++c) sum = fmaf(weight[p / pixels * stored + c], lanes.load(act, p * stored + c), sum);
    store4(out + p * 4, {sum < 0 ? 0.0f : sum, 0, 0, 0});
  });
}

void CudaKernels::unit_range(const Tensor& x, const Tensor& y) {
  launch(stream_, unit_range_kernel, {x.n()}, kThreads, 0, input(x), output(y), x.h() * x.w(), x.c(), stored_channels(x));
}

}  // namespace ldc::cuda::LDC_TARGET
