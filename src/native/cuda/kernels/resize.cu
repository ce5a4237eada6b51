// Bilinear resizing with half-pixel centres, clamped at the border, no antialiasing: what PyTorch computes for
// align_corners = false.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// The two inputs of one output line and the weight of the second.
struct Tap {
  int64_t near, far;
  float weight;
};

LDC_DEVICE Tap tap_of(int64_t i, int64_t in, int64_t out) {
  const double centre = (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
  const double at = centre > 0 ? centre : 0;
  const int64_t near = static_cast<int64_t>(at) < in - 1 ? static_cast<int64_t>(at) : in - 1;
  return {near, near + 1 < in ? near + 1 : in - 1, static_cast<float>(at - static_cast<double>(near))};
}

}  // namespace

void CudaKernels::resize_bilinear(const Tensor& x, const Tensor& y) {
  const Global<const float> in = input(x);
  const Global<float> out = output(y);
  const int64_t height = x.h(), width = x.w(), rows = y.h(), columns = y.w(), channels = stored_channels(x.c());
  each(stream_, stored_elements(y), [=] LDC_LAMBDA(int64_t i) {
    const int64_t c = i % channels, pixel = i / channels, column = pixel % columns, row = pixel / columns % rows;
    const Tap down = tap_of(row, height, rows), across = tap_of(column, width, columns);
    const int64_t image = pixel / columns / rows * height, upper = (image + down.near) * width, lower = (image + down.far) * width;
    const float a = in[(upper + across.near) * channels + c], b = in[(lower + across.near) * channels + c];
    const float top = fmaf(across.weight, in[(upper + across.far) * channels + c] - a, a);
    const float bottom = fmaf(across.weight, in[(lower + across.far) * channels + c] - b, b);
    out[i] = fmaf(down.weight, bottom - top, top);
  });
}

}  // namespace ldc::cuda::LDC_TARGET
