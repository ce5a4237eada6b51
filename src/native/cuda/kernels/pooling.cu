// Pooling. Max pooling saves the position of its maximum in the window, one byte an output; the averages save nothing.
//
// A block a line of the result, a thread four neighbouring channels of a pixel: where they lie takes one division of 32 bits. In the
// backward passes each input adds up the outputs it took part in, in row-major order of the windows, so that nothing is added to from
// two sides.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// Lines of features [N, rows, columns, channels], channels a multiple of four.
struct Lines {
  int rows, columns, vectors;
  int64_t count;

  Lines(const Tensor& t, int64_t channels)
      : rows(static_cast<int>(t.h())), columns(static_cast<int>(t.w())), vectors(static_cast<int>(channels / 4)), count(t.n() * t.h()) {}
  explicit Lines(const Tensor& t) : Lines(t, stored_channels(t)) {}

  // Of the first of four channels.
  LDC_DEVICE int64_t element(int n, int row, int column, int c) const {
    return ((static_cast<int64_t>(n) * rows + row) * columns + column) * (4 * vectors) + c;
  }
};

template <class Body>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) lines_kernel(Lines lines, Body body) {
  const int line = static_cast<int>(blockIdx.x), n = line / lines.rows, row = line % lines.rows;
  for (int i = static_cast<int>(threadIdx.x); i < lines.columns * lines.vectors; i += kThreads) {
    const int column = i / lines.vectors;
    body(n, row, column, 4 * (i - column * lines.vectors));
  }
}

// body(lanes, n, row, column, c) for every four channels from c on.
template <class Body>
void each_line(Stream stream, DType type, const Lines& lines, Body body) {
  with_type(type, body, [&](auto typed_body) {
    launch(stream, lines_kernel<decltype(typed_body)>, {lines.count}, kThreads, 0, lines, typed_body);
  });
}

LDC_DEVICE int least(int a, int b) { return a < b ? a : b; }
LDC_DEVICE int most(int a, int b) { return a > b ? a : b; }
LDC_DEVICE int up(int a, int b) { return (a + b - 1) / b; }

// Input lines [begin, end) of output line i of an adaptive pooling. Bins overlap an input just where the bins of the
// opposite pooling would, so the same formula gives the outputs of an input line.
struct Bin {
  int begin, end;
};
LDC_DEVICE Bin bin_of(int i, int in, int out) { return {i * in / out, up((i + 1) * in, out)}; }
LDC_DEVICE float share(Bin bin) { return 1.0f / static_cast<float>(bin.end - bin.begin); }

// Four channels from element i on, of which `count` are there, zero behind; vectors where i is a multiple of four.
template <class L>
LDC_DEVICE Float4 load_some(L lanes, Features x, int64_t i, int count, bool vectors) {
  if (vectors && count >= 4) return lanes.load4(x, i);
  return {count > 0 ? lanes.load(x, i) : 0.0f, count > 1 ? lanes.load(x, i + 1) : 0.0f, count > 2 ? lanes.load(x, i + 2) : 0.0f,
          count > 3 ? lanes.load(x, i + 3) : 0.0f};
}
template <class L>
LDC_DEVICE void store_some(L lanes, Features y, int64_t i, Float4 v, int count, bool vectors) {
  if (vectors && count >= 4) return lanes.store4(y, i, v);
  if (count > 0) lanes.store(y, i, v.x);
  if (count > 1) lanes.store(y, i + 1, v.y);
  if (count > 2) lanes.store(y, i + 2, v.z);
  if (count > 3) lanes.store(y, i + 3, v.w);
}

// A maximum and its tap.
struct Best {
  float value;
  uint32_t tap;
  LDC_DEVICE void meet(float other, uint32_t at) {
    if (other > value || other != other) {
      value = other;
      tap = at;
    }
  }
};

}  // namespace

void CudaKernels::max_pool2d_forward(const Tensor& x, int kernel, int stride, int padding, const Tensor& y, const Tensor& taps) {
  const int height = static_cast<int>(x.h()), width = static_cast<int>(x.w());
  const Lines from(x), to(y), of_taps(taps);
  const Features in = features(x), out = features(y);
  const Global<uint32_t> positions = global(reinterpret_cast<uint32_t*>(taps.u8()));  // four bytes
  each_line(stream_, y.dtype, to, [=] LDC_LAMBDA(auto lanes, int n, int row, int column, int c) {
    const int top = row * stride - padding, left = column * stride - padding;
    const int y0 = most(0, -top), y1 = least(kernel, height - top), x0 = most(0, -left), x1 = least(kernel, width - left);
    const uint32_t first = static_cast<uint32_t>(y0 * kernel + x0);
    const Float4 corner = lanes.load4(in, from.element(n, top + y0, left + x0, c));
    Best best[4] = {{corner.x, first}, {corner.y, first}, {corner.z, first}, {corner.w, first}};
    for (int ky = y0; ky < y1; ++ky) {
      for (int kx = x0; kx < x1; ++kx) {
        const Float4 v = lanes.load4(in, from.element(n, top + ky, left + kx, c));
        const uint32_t tap = static_cast<uint32_t>(ky * kernel + kx);
        best[0].meet(v.x, tap);
        best[1].meet(v.y, tap);
        best[2].meet(v.z, tap);
        best[3].meet(v.w, tap);
      }
    }
    lanes.store4(out, to.element(n, row, column, c), {best[0].value, best[1].value, best[2].value, best[3].value});
    positions[of_taps.element(n, row, column, c) / 4] = best[0].tap | best[1].tap << 8 | best[2].tap << 16 | best[3].tap << 24;
  });
}

void CudaKernels::max_pool2d_backward(const Tensor& dy, const Tensor& taps, int kernel, int stride, int padding, const Tensor& dx) {
  const Lines from(dy), to(dx), of_taps(taps);
  const Features upstream = features(dy), out = features(dx);
  const Global<const uint32_t> positions = global<const uint32_t>(reinterpret_cast<const uint32_t*>(taps.u8()));
  each_line(stream_, dx.dtype, to, [=] LDC_LAMBDA(auto lanes, int n, int line, int place, int channel) {
    const int row = line + padding, column = place + padding;
    const int row0 = up(most(0, row - kernel + 1), stride), row1 = least(from.rows - 1, row / stride);
    const int column0 = up(most(0, column - kernel + 1), stride), column1 = least(from.columns - 1, column / stride);
    Float4 sum = {0, 0, 0, 0};
    for (int r = row0; r <= row1; ++r) {
#pragma unroll 1  // few, as a rule one or two
      for (int c = column0; c <= column1; ++c) {
        const uint32_t tap = static_cast<uint32_t>((row - r * stride) * kernel + column - c * stride);
        const uint32_t taps_there = positions[of_taps.element(n, r, c, channel) / 4];
        const Float4 gradient = lanes.load4(upstream, from.element(n, r, c, channel));
        if ((taps_there & 255) == tap) sum.x += gradient.x;
        if ((taps_there >> 8 & 255) == tap) sum.y += gradient.y;
        if ((taps_there >> 16 & 255) == tap) sum.z += gradient.z;
        if (taps_there >> 24 == tap) sum.w += gradient.w;
      }
    }
    lanes.store4(out, to.element(n, line, place, channel), sum);
  });
}

// Padding channels of y are written by whoever writes its last channels.
void CudaKernels::adaptive_avg_pool2d_forward(const Tensor& x, const Tensor& y, int64_t channel) {
  const int height = static_cast<int>(x.h()), width = static_cast<int>(x.w());
  const int64_t written = channel + x.c() == y.c() ? stored_channels(y) - channel : x.c();
  const Lines from(x), to(y, ceil_div(written, 4) * 4);
  const int stored = static_cast<int>(stored_channels(x)), y_step = static_cast<int>(stored_channels(y));
  const bool vectors = channel % 4 == 0;
  const Features in = features(x), out = features(y);
  each_line(stream_, y.dtype, to, [=] LDC_LAMBDA(auto lanes, int n, int row, int column, int channels_from) {
    const Bin down = bin_of(row, height, to.rows), across = bin_of(column, width, to.columns);
    Float4 sum = {0, 0, 0, 0};
    if (channels_from < stored) {
      for (int r = down.begin; r < down.end; ++r) {
#pragma unroll 1  // few, as a rule one or two
        for (int c = across.begin; c < across.end; ++c) {
          sum = map4([](float a, float b) { return a + b; }, sum, lanes.load4(in, from.element(n, r, c, channels_from)));
        }
      }
    }
    const float factor = share(down) * share(across);
    const int64_t pixel = (static_cast<int64_t>(n) * to.rows + row) * to.columns + column;
    store_some(lanes, out, pixel * y_step + channel + channels_from, map4([=](float v) { return v * factor; }, sum),
               static_cast<int>(written) - channels_from, vectors);
  });
}

void CudaKernels::adaptive_avg_pool2d_backward(const Tensor& dy, int64_t channel, const Tensor& dx) {
  const int rows = static_cast<int>(dy.h()), columns = static_cast<int>(dy.w()), channels = static_cast<int>(dx.c());
  const int y_step = static_cast<int>(stored_channels(dy));
  const bool vectors = channel % 4 == 0;
  const Lines to(dx);
  const Features upstream = features(dy), out = features(dx);
  each_line(stream_, dx.dtype, to, [=] LDC_LAMBDA(auto lanes, int n, int row, int column, int channels_from) {
    const Bin of_row = bin_of(row, rows, to.rows), of_column = bin_of(column, columns, to.columns);
    Float4 sum = {0, 0, 0, 0};
    for (int r = of_row.begin; r < of_row.end; ++r) {
      const float share_down = share(bin_of(r, to.rows, rows));
      Float4 along = {0, 0, 0, 0};
#pragma unroll 1  // few, as a rule one or two
      for (int c = of_column.begin; c < of_column.end; ++c) {
        const int64_t pixel = (static_cast<int64_t>(n) * rows + r) * columns + c;
        const Float4 gradient = load_some(lanes, upstream, pixel * y_step + channel + channels_from, channels - channels_from, vectors);
        const float share_across = share(bin_of(c, to.columns, columns));
        along = map4([=](float g, float a) { return fmaf(g, share_across, a); }, gradient, along);
      }
      sum = map4([=](float a, float s) { return fmaf(a, share_down, s); }, along, sum);
    }
    lanes.store4(out, to.element(n, row, column, channels_from), sum);
  });
}

void CudaKernels::global_avg_pool_forward(const Tensor& x, const Tensor& y) {
  const int64_t channels = x.c(), stored = stored_channels(x), pixels = x.h() * x.w();
  const Features in = features(x);
  const Global<float> out = output(y);
  column_sums(
      stream_, memory_, x.dtype, Columns(x.n(), pixels, channels),
      [=] LDC_LAMBDA(auto lanes, int64_t row, int n, int64_t c) -> Sums {
        double sum = 0;
        for (int k = 0; k < n; ++k) sum += lanes.load(in, (row + k) * stored + c);
        return {sum, 0};
      },
      [=] LDC_LAMBDA(int64_t image, int64_t c, Sums sums) {
        out[image * channels + c] = static_cast<float>(sums.first / static_cast<double>(pixels));
      });
}

void CudaKernels::global_avg_pool_backward(const Tensor& dy, const Tensor& dx) {
  const int channels = static_cast<int>(dx.c());
  const Lines to(dx);
  const Features upstream = features(dy), out = features(dx);
  const float part = 1.0f / static_cast<float>(dx.h() * dx.w());
  each_line(stream_, dx.dtype, to, [=] LDC_LAMBDA(auto lanes, int n, int row, int column, int c) {
    const Float4 gradient = load_some(Lanes<float>{}, upstream, static_cast<int64_t>(n) * channels + c, channels - c, false);
    lanes.store4(out, to.element(n, row, column, c), map4([=](float g) { return g * part; }, gradient));
  });
}

}  // namespace ldc::cuda::LDC_TARGET
