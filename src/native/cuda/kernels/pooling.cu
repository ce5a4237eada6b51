// Pooling. Max pooling saves the position of its maximum in the window, one byte an output; the averages save nothing.
//
// One thread an element of the result; neighbouring threads are neighbouring channels. In the backward passes each input adds
// up the outputs it took part in, in row-major order of the windows, so that nothing is added to from two sides.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// Which pixel and channel an element of [N, rows, columns, channels] is.
struct Place {
  int64_t n, row, column, c;
};
LDC_DEVICE Place place_of(int64_t i, int64_t rows, int64_t columns, int64_t channels) {
  const int64_t pixel = i / channels;
  return {pixel / columns / rows, pixel / columns % rows, pixel % columns, i % channels};
}

LDC_DEVICE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
LDC_DEVICE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
LDC_DEVICE int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Input lines [begin, end) of output line i of an adaptive pooling. Bins overlap an input just where the bins of the
// opposite pooling would, so the same formula gives the outputs of an input line.
struct Bin {
  int64_t begin, end;
};
LDC_DEVICE Bin bin_of(int64_t i, int64_t in, int64_t out) { return {i * in / out, up((i + 1) * in, out)}; }
LDC_DEVICE float share(Bin bin) { return 1.0f / static_cast<float>(bin.end - bin.begin); }

}  // namespace

void CudaKernels::max_pool2d_forward(const Tensor& x, int kernel, int stride, int padding, const Tensor& y, const Tensor& taps) {
  const int64_t height = x.h(), width = x.w(), rows = y.h(), columns = y.w(), channels = stored_channels(x.c());
  const Global<const float> in = input(x);
  const Global<float> out = output(y);
  const Global<uint8_t> positions = global(taps.u8());
  each(stream_, stored_elements(y), [=] LDC_LAMBDA(int64_t i) {
    const Place at = place_of(i, rows, columns, channels);
    const int64_t top = at.row * stride - padding, left = at.column * stride - padding;
    const int64_t y0 = most(0, -top), y1 = least(kernel, height - top), x0 = most(0, -left), x1 = least(kernel, width - left);
    const int64_t corner = (at.n * height + top) * width + left;
    float best = in[(corner + y0 * width + x0) * channels + at.c];
    int64_t tap = y0 * kernel + x0;
    for (int64_t ky = y0; ky < y1; ++ky) {
      for (int64_t kx = x0; kx < x1; ++kx) {
        const float value = in[(corner + ky * width + kx) * channels + at.c];
        if (value > best || value != value) {
          best = value;
          tap = ky * kernel + kx;
        }
      }
    }
    out[i] = best;
    positions[i] = static_cast<uint8_t>(tap);
  });
}

void CudaKernels::max_pool2d_backward(const Tensor& dy, const Tensor& taps, int kernel, int stride, int padding, const Tensor& dx) {
  const int64_t height = dx.h(), width = dx.w(), rows = dy.h(), columns = dy.w(), channels = stored_channels(dx.c());
  const Global<const float> upstream = input(dy);
  const Global<const uint8_t> positions = global<const uint8_t>(taps.u8());
  const Global<float> out = output(dx);
  each(stream_, stored_elements(dx), [=] LDC_LAMBDA(int64_t i) {
    const Place at = place_of(i, height, width, channels);
    const int64_t row = at.row + padding, column = at.column + padding;
    const int64_t row0 = up(most(0, row - kernel + 1), stride), row1 = least(rows - 1, row / stride);
    const int64_t column0 = up(most(0, column - kernel + 1), stride), column1 = least(columns - 1, column / stride);
    float sum = 0;
    for (int64_t r = row0; r <= row1; ++r) {
      for (int64_t c = column0; c <= column1; ++c) {
        const int64_t source = ((at.n * rows + r) * columns + c) * channels + at.c;
        if (positions[source] == (row - r * stride) * kernel + column - c * stride) sum += upstream[source];
      }
    }
    out[i] = sum;
  });
}

// Padding channels of y are written by whoever writes its last channels.
void CudaKernels::adaptive_avg_pool2d_forward(const Tensor& x, const Tensor& y, int64_t channel) {
  const int64_t height = x.h(), width = x.w(), rows = y.h(), columns = y.w(), channels = x.c();
  const int64_t x_step = stored_channels(channels), y_step = stored_channels(y.c());
  const int64_t written = channel + channels == y.c() ? y_step - channel : channels;
  const Global<const float> in = input(x);
  const Global<float> out = output(y);
  each(stream_, y.n() * rows * columns * written, [=] LDC_LAMBDA(int64_t i) {
    const Place at = place_of(i, rows, columns, written);
    const Bin down = bin_of(at.row, height, rows), across = bin_of(at.column, width, columns);
    float sum = 0;
    if (at.c < channels) {
      for (int64_t r = down.begin; r < down.end; ++r) {
        for (int64_t c = across.begin; c < across.end; ++c) sum += in[((at.n * height + r) * width + c) * x_step + at.c];
      }
    }
    out[i / written * y_step + channel + at.c] = sum * (share(down) * share(across));
  });
}

void CudaKernels::adaptive_avg_pool2d_backward(const Tensor& dy, int64_t channel, const Tensor& dx) {
  const int64_t height = dx.h(), width = dx.w(), rows = dy.h(), columns = dy.w(), channels = dx.c();
  const int64_t x_step = stored_channels(channels), y_step = stored_channels(dy.c());
  const Global<const float> upstream = input(dy);
  const Global<float> out = output(dx);
  each(stream_, stored_elements(dx), [=] LDC_LAMBDA(int64_t i) {
    const Place at = place_of(i, height, width, x_step);
    if (at.c >= channels) {
      out[i] = 0;
      return;
    }
    const Bin of_row = bin_of(at.row, rows, height), of_column = bin_of(at.column, columns, width);
    float sum = 0;
    for (int64_t r = of_row.begin; r < of_row.end; ++r) {
      float along = 0;
      for (int64_t c = of_column.begin; c < of_column.end; ++c) {
        const float gradient = upstream[((at.n * rows + r) * columns + c) * y_step + channel + at.c];
        along = fmaf(gradient, share(bin_of(c, width, columns)), along);
      }
      sum = fmaf(along, share(bin_of(r, height, rows)), sum);
    }
    out[i] = sum;
  });
}

void CudaKernels::global_avg_pool_forward(const Tensor& x, const Tensor& y) {
  const int64_t channels = x.c(), stored = stored_channels(channels), pixels = x.h() * x.w();
  const Global<const float> in = input(x);
  const Global<float> out = output(y);
  column_sums(
      stream_, memory_, Columns(x.n(), pixels, channels),
      [=] LDC_LAMBDA(int64_t row, int n, int64_t c) -> Sums {
        double sum = 0;
        for (int k = 0; k < n; ++k) sum += in[(row + k) * stored + c];
        return {sum, 0};
      },
      [=] LDC_LAMBDA(int64_t image, int64_t c, Sums sums) {
        out[image * channels + c] = static_cast<float>(sums.first / static_cast<double>(pixels));
      });
}

void CudaKernels::global_avg_pool_backward(const Tensor& dy, const Tensor& dx) {
  const int64_t channels = dx.c(), stored = stored_channels(channels), pixels = dx.h() * dx.w();
  const Global<const float> upstream = input(dy);
  const Global<float> out = output(dx);
  const float part = 1.0f / static_cast<float>(pixels);
  each(stream_, stored_elements(dx), [=] LDC_LAMBDA(int64_t i) {
    const int64_t c = i % stored;
    out[i] = c < channels ? upstream[i / stored / pixels * channels + c] * part : 0.0f;
  });
}

}  // namespace ldc::cuda::LDC_TARGET
