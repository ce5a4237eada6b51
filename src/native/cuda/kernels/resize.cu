// Bilinear resizing: what PyTorch computes for align_corners = false.
#include "../cuda_kernels.h"
#include "../launch.h"
#include "taps.h"

namespace ldc::cuda::LDC_TARGET {

void CudaKernels::resize_bilinear(const Tensor& x, const Tensor& y) {
  const Features in = features(x), out = features(y);
  const int64_t height = x.h(), width = x.w(), rows = y.h(), columns = y.w(), channels = stored_channels(x);
  each(stream_, y.dtype, stored_elements(y), [=] LDC_LAMBDA(auto lanes, int64_t i) {
    const int64_t c = i % channels, pixel = i / channels, column = pixel % columns, row = pixel / columns % rows;
    const Tap down = tap_of(row, height, rows), across = tap_of(column, width, columns);
    const int64_t image = pixel / columns / rows * height, upper = (image + down.near) * width, lower = (image + down.far) * width;
    const auto value = [&](int64_t at) { return lanes.load(in, at * channels + c); };
    const float a = value(upper + across.near), b = value(lower + across.near);
    const float top = fmaf(across.weight, value(upper + across.far) - a, a);
    const float bottom = fmaf(across.weight, value(lower + across.far) - b, b);
    lanes.store(out, i, fmaf(down.weight, bottom - top, top));
  });
}

}  // namespace ldc::cuda::LDC_TARGET
