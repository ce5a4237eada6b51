// Augmentation of images: rotation, resized crop with mirroring, colours. Positions are worked out in double; values are float32 and are
// never rounded to bytes. One thread a value, channel padding included, which stays zero.
#include "../cuda_kernels.h"
#include "../launch.h"
#include "taps.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

LDC_DEVICE int64_t clamped(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }

// What is not a number, or far off, is outside of the image.
LDC_DEVICE double bounded(double s) { return s > -8 && s < 1e9 ? s : -8; }

// One block an image: the share of its mean grey in each channel.
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) grey_kernel(Global<const float> x, Global<const float> colours, Global<float> offsets, int64_t pixels,
                                                    int64_t channels) {
  LDC_SHARED(double, slots, kThreads / kWarp);
  const int64_t n = blockIdx.x;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < pixels; i += kThreads) {
    const Global<const float> pixel = x + (n * pixels + i) * channels;
    sum += 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
  }
  sum = block_sum(sum, slots);
  if (threadIdx.x == 0) offsets[n] = static_cast<float>(colours[10 * n + 9] * (sum / static_cast<double>(pixels)));
}

}  // namespace

void CudaKernels::rotate(const Tensor& x, const Tensor& images, const Tensor& turns, bool nearest, const Tensor& y) {
  const Global<const float> in = input(x), turn = input(turns);
  const Global<const int32_t> image_of = global<const int32_t>(images.i32());
  const Global<float> out = output(y);
  const int64_t count = x.n(), height = x.h(), width = x.w(), channels = stored_channels(x);
  const double cx = static_cast<double>(width - 1) / 2, cy = static_cast<double>(height - 1) / 2;
  each(stream_, stored_elements(y), [=] LDC_LAMBDA(int64_t at) {
    const int64_t c = at % channels, pixel = at / channels, n = pixel / width / height;
    const int64_t first = clamped(image_of[n], 0, count - 1) * height;
    const double cosine = turn[2 * n], sine = turn[2 * n + 1];
    const double dx = static_cast<double>(pixel % width) - cx, dy = static_cast<double>(pixel / width % height) - cy;
    const double sx = bounded(cx + dx * cosine - dy * sine), sy = bounded(cy + dx * sine + dy * cosine);
    const auto value = [&](int64_t row, int64_t column) {  // zero outside of the image
      const bool inside = row >= 0 && row < height && column >= 0 && column < width;
      return inside ? in[((first + row) * width + column) * channels + c] : 0.0f;
    };
    if (nearest) {
      out[at] = value(static_cast<int64_t>(floor(sy + 0.5)), static_cast<int64_t>(floor(sx + 0.5)));
      return;
    }
    const double left = floor(sx), upper = floor(sy);
    const float u = static_cast<float>(sx - left), v = static_cast<float>(sy - upper);
    const int64_t i = static_cast<int64_t>(left), j = static_cast<int64_t>(upper);
    const float a = value(j, i), b = value(j + 1, i);
    const float top = fmaf(u, value(j, i + 1) - a, a), bottom = fmaf(u, value(j + 1, i + 1) - b, b);
    out[at] = fmaf(v, bottom - top, top);
  });
}

void CudaKernels::resized_crop(const Tensor& x, const Tensor& crops, const Tensor& y) {
  const Global<const float> in = input(x);
  const Global<const int32_t> table = global<const int32_t>(crops.i32());
  const Global<float> out = output(y);
  const int64_t images = x.n(), height = x.h(), width = x.w(), rows = y.h(), columns = y.w(), channels = stored_channels(x);
  each(stream_, stored_elements(y), [=] LDC_LAMBDA(int64_t at) {
    const int64_t c = at % channels, pixel = at / channels, row = pixel / columns % rows, n = pixel / columns / rows;
    const Global<const int32_t> crop = table + 6 * n;
    const int64_t column = crop[5] != 0 ? columns - 1 - pixel % columns : pixel % columns;
    const int64_t top_line = clamped(crop[1], 0, height - 1), left = clamped(crop[2], 0, width - 1);
    const Tap down = tap_of(row, clamped(crop[3], 1, height - top_line), rows);
    const Tap across = tap_of(column, clamped(crop[4], 1, width - left), columns);
    const int64_t first = clamped(crop[0], 0, images - 1) * height + top_line;
    const int64_t upper = (first + down.near) * width + left, lower = (first + down.far) * width + left;
    const float a = in[(upper + across.near) * channels + c], b = in[(lower + across.near) * channels + c];
    const float top = fmaf(across.weight, in[(upper + across.far) * channels + c] - a, a);
    const float bottom = fmaf(across.weight, in[(lower + across.far) * channels + c] - b, b);
    out[at] = fmaf(down.weight, bottom - top, top);
  });
}

void CudaKernels::mix_colours(const Tensor& x, const Tensor& colours, const Tensor& y) {
  const Global<const float> in = input(x), table = input(colours);
  const Global<float> out = output(y);
  const int64_t pixels = x.h() * x.w(), channels = stored_channels(x);
  const Scratch<float> greys(memory_, x.n());
  const Global<float> offsets = global(greys.data());
  launch(stream_, grey_kernel, {x.n()}, kThreads, 0, in, table, offsets, pixels, channels);
  each(stream_, stored_elements(y), [=] LDC_LAMBDA(int64_t at) {
    const int64_t c = at % channels, pixel = at / channels, n = pixel / pixels;
    if (c >= 3) {
      out[at] = 0;
      return;
    }
    const Global<const float> rgb = in + pixel * channels, m = table + 10 * n + 3 * c;
    const float value = fmaf(m[0], rgb[0], fmaf(m[1], rgb[1], fmaf(m[2], rgb[2], offsets[n])));
    out[at] = value < 0 ? 0 : value > 1 ? 1 : value;
  });
}

}  // namespace ldc::cuda::LDC_TARGET
