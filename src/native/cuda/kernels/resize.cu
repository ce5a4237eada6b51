// Bilinear resizing: what PyTorch computes for align_corners = false.
#include "../cuda_kernels.h"
#include "../launch.h"
#include "taps.h"

namespace ldc::cuda::LDC_TARGET {

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
